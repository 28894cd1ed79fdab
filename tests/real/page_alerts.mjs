// The chat page's alerts: which messages of a room raise one, and notifications by
// the service worker.

import assert from 'node:assert/strict';
import test from 'node:test';

import { violations } from './axe.mjs';
import { LIMIT, Person, boundsOf, until } from './browser.mjs';
import { Server } from './server.mjs';

/** A person who has notifications, with a page in `lobby` and `garden`. */
async function start(t, options = {}) {
  const server = await Server.start(t);
  const person = await Person.arrive(t, { serviceWorkers: 'allow', permissions: ['notifications'], ...options });
  await person.context.addInitScript(() => {
    if (location.protocol === 'http:') localStorage.setItem('sse-chat.notify', 'true');
  });
  const chat = await person.open(server.url, 'Alice');
  await chat.join('garden');
  await chat.page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
  return { server, person, chat };
}

/** The notifications there are, by title and text. */
const shown = (chat) => chat.page.evaluate(async () => {
  const registration = await navigator.serviceWorker.ready;
  return (await registration.getNotifications()).map(({ title, body }) => `${title}: ${body}`);
});

/** Resolves once these are the notifications. */
async function hasShown(chat, ...texts) {
  try {
    await until(chat.page, async (texts) => {
      const registration = await navigator.serviceWorker.ready;
      return JSON.stringify((await registration.getNotifications()).map(({ title, body }) => `${title}: ${body}`)) === texts;
    }, JSON.stringify(texts));
  } catch {
    assert.deepEqual(await shown(chat), texts);
  }
}

/** Chooses by the menu of the open room. */
async function choose(chat, room, level) {
  const drawer = chat.page.locator('#open-rooms');
  if (await drawer.isVisible()) await drawer.click();
  await chat.page.getByRole('button', { name: `Notifications in ${room}` }).click();
  await chat.page.getByRole('menuitemradio', { name: level }).click();
  await chat.page.locator('[role=menu]').waitFor({ state: 'detached' });
}

const open = async (chat, room) => {
  await chat.rooms.filter({ hasText: room }).click();
  await chat.has('h1', room);
};

test('mentions are notified; reading the room removes the notification', LIMIT, async (t) => {
  const { server, person, chat } = await start(t);
  await server.say('lobby', 'Carol', 'hello all');
  await server.say('lobby', 'Carol', 'hello @Alice');
  await hasShown(chat, 'Carol · lobby: hello @Alice');
  await server.say('lobby', 'Dave', '@Alice too');
  await hasShown(chat, 'lobby · 2 new messages: Dave: @Alice too');
  await open(chat, 'lobby');
  await hasShown(chat);
  person.hadNothingToComplainOf();
});

test('a notification goes with the message that it shows', LIMIT, async (t) => {
  const { server, chat } = await start(t);
  const key = 'a-key-of-this-test';
  const response = await fetch(`${server.url}/rooms/lobby/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'Carol', message: '@Alice, a slip', edit_key: key }),
  });
  const { id } = await response.json();
  await hasShown(chat, 'Carol · lobby: @Alice, a slip');
  const deleted = await fetch(`${server.url}/rooms/lobby/messages/${id}`, { method: 'DELETE', headers: { 'edit-key': key } });
  assert(deleted.ok, String(deleted.status));
  await hasShown(chat);
});

test('a room may alert of all messages or of nothing, and every tab and the next start know it', LIMIT, async (t) => {
  const { server, person, chat } = await start(t);
  await choose(chat, 'garden', 'All messages');
  await open(chat, 'lobby');
  await choose(chat, 'lobby', 'Nothing');
  await chat.join('third');
  // Two tabs, which both receive each message.
  const other = await person.open(`${server.url}/r/third`);
  await other.has('#room-list .room-name', 'lobby', 'garden', 'third');
  for (const text of ['one', 'two', 'three']) await server.say('garden', 'Carol', text);
  await server.say('lobby', 'Carol', '@Alice, in the lobby');
  await hasShown(chat, 'garden · 3 new messages: Carol: three');
  await server.say('garden', 'Dave', 'four');
  await hasShown(chat, 'garden · 4 new messages: Dave: four');
  const lobby = chat.page.locator('#room-list li', { hasText: 'lobby' });
  await lobby.getByText('1 unread').waitFor({ state: 'attached' });
  assert.deepEqual(await lobby.evaluate(({ className, firstChild }) => [className, firstChild.className]), ['calm', 'room']);
  await chat.page.waitForFunction(() => document.title === '(4) third · sse-chat');
  await other.page.waitForFunction(() => document.title === '(4) third · sse-chat');
  assert.deepEqual(await violations(chat.page), []);
  const next = await person.open(`${server.url}/r/garden`);
  await hasShown(next);
  assert.equal(await next.page.getByRole('button', { name: 'Notifications in garden' }).getAttribute('data-level'), 'all');
  assert.equal(await next.page.getByRole('button', { name: 'Notifications in lobby' }).getAttribute('data-level'), 'nothing');
});

test('a click on a notification focuses a tab and opens the room there', LIMIT, async (t) => {
  const { server, person, chat } = await start(t);
  const { id } = await server.say('lobby', 'Carol', 'hello @Alice');
  await hasShown(chat, 'Carol · lobby: hello @Alice');
  const worker = person.context.serviceWorkers()[0] ?? await person.context.waitForEvent('serviceworker');
  const click = () => worker.evaluate(async () => {
    const [notification] = await registration.getNotifications();
    dispatchEvent(new NotificationEvent('notificationclick', { notification }));
    return notification.data;
  });
  assert.deepEqual(await click(), { room: 'lobby', id, count: 1 });
  await chat.has('h1', 'lobby');
  await hasShown(chat);
});

test('the menu of the bell works by keyboard', LIMIT, async (t) => {
  const { chat } = await start(t);
  const bell = chat.page.getByRole('button', { name: 'Notifications in garden' });
  await bell.focus();
  await chat.page.keyboard.press('Enter');
  await chat.page.getByRole('menuitemradio', { name: 'Mentions only', checked: true }).and(chat.page.locator(':focus')).waitFor();
  assert.deepEqual(await violations(chat.page), []);
  await chat.page.keyboard.press('ArrowDown');
  await chat.page.keyboard.press('Enter');
  await chat.page.waitForFunction(() => document.activeElement.dataset.level === 'nothing');
  await chat.page.keyboard.press('Enter');
  await chat.page.getByRole('menuitemradio', { name: 'Nothing', checked: true }).and(chat.page.locator(':focus')).waitFor();
  await chat.page.keyboard.press('Escape');
  await chat.page.locator('[role=menu]').waitFor({ state: 'detached' });
  assert.equal(await chat.page.evaluate(() => document.activeElement.dataset.level), 'nothing');
});

test('on a phone, the bell is in the drawer of rooms, and leads to the settings while all is off', LIMIT, async (t) => {
  const { chat } = await start(t, { viewport: { width: 320, height: 640 }, hasTouch: true, isMobile: true });
  await chat.page.evaluate(() => localStorage.setItem('sse-chat.notify', 'false'));
  await chat.page.locator('#open-rooms').tap();
  await chat.page.getByRole('button', { name: 'Notifications in garden' }).tap();
  const menu = await boundsOf(chat.page.locator('[role=menu]'));
  assert(menu.x >= 0 && menu.x + menu.width <= 320, JSON.stringify(menu));
  await chat.page.getByRole('menuitem', { name: 'Notifications are off.' }).tap();
  await chat.page.locator('#settings-dialog[open]').waitFor();
});
