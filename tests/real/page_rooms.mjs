// The chat page's rooms: many over one stream, and what is unread in them.

import assert from 'node:assert/strict';
import test from 'node:test';

import { LIMIT, QUICK, Person, boundsOf } from './browser.mjs';
import { HttpProxy } from './http_proxy.mjs';
import { Server } from './server.mjs';

test('the path names the room, and the root is the default one', LIMIT, async (t) => {
  const server = await Server.start(t, '--default-room', 'entrée');
  const person = await Person.arrive(t);
  const chat = await person.open(`${server.url}/r/聊天室`, '小明');
  await chat.has('h1', '聊天室');
  await chat.say('你好');
  await chat.says('你好');
  assert.equal((await server.said('聊天室'))[0].name, '小明');
  const home = await person.open(server.url);
  await home.has('h1', 'entrée');
  await home.page.getByText('No messages yet.').waitFor();
  await home.has('#room-list .room-name', '聊天室', 'entrée');
  person.hadNothingToComplainOf();
});

test('rooms are joined over one stream, with what is unread and who was meant', LIMIT, async (t) => {
  const server = await Server.start(t);
  const proxy = await HttpProxy.start(t, server.host);
  const person = await Person.arrive(t);
  const chat = await person.open(`${proxy.url}?shared=0`, 'Alice');
  await server.say('garden', 'Carol', 'before anybody came');
  await chat.join('garden');
  await chat.says('before anybody came');
  await chat.rooms.filter({ hasText: 'lobby' }).click();
  await chat.has('h1', 'lobby');
  assert.equal(new URL(chat.page.url()).pathname, '/r/lobby');
  const garden = chat.rooms.filter({ hasText: 'garden' });
  assert.equal(await garden.locator('.badge').count(), 0);
  for (const text of ['one', '@Alice, two', 'three']) await server.say('garden', 'Carol', text);
  await garden.getByText('3 unread').waitFor({ state: 'attached' });
  await garden.getByText('1 mention').waitFor({ state: 'attached' });
  await chat.page.waitForFunction(() => document.title === '(3) lobby · sse-chat');
  assert.equal(proxy.asked.filter((asked) => /^GET \/events.*room=garden&room=lobby|^GET \/events.*room=lobby&room=garden/.test(asked)).length, 1);

  // It is still so after the browser was closed, and what came meanwhile is added.
  await chat.page.close();
  await server.say('garden', 'Carol', 'four, @Alice');
  const next = await person.open(proxy.url);
  const there = next.rooms.filter({ hasText: 'garden' });
  await there.getByText('4 unread').waitFor({ state: 'attached' });
  await there.getByText('2 mentions').waitFor({ state: 'attached' });
  await there.click();
  await next.says('before anybody came', 'one', '@Alice, two', 'three', 'four, @Alice');
  await next.page.waitForFunction(() => document.title === 'garden · sse-chat');
  assert.equal(await there.locator('.badge').count(), 0);
  await next.has('#log .unread', 'New');
  await next.page.goBack();
  await next.has('h1', 'lobby');
  await next.page.goForward();
  await next.has('h1', 'garden');
  person.hadNothingToComplainOf();
});

test('a room is left, and the next one opens', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  for (const room of ['a', 'b', 'c']) await chat.join(room);
  await chat.rooms.filter({ hasText: /^b$/ }).click();
  await chat.has('h1', 'b');
  await chat.page.getByRole('button', { name: 'Leave b' }).click();
  await chat.has('h1', 'c');
  await chat.has('#room-list .room-name', 'lobby', 'a', 'c');
  await chat.page.getByText('You left b.').first().waitFor();
  for (const room of ['c', 'lobby', 'a']) {
    await chat.rooms.filter({ hasText: new RegExp(`^${room}$`) }).hover();
    await chat.page.getByRole('button', { name: `Leave ${room}` }).click();
  }
  // After the last room, the default room is open. It can't be left.
  await chat.has('#room-list .room-name', 'lobby');
  await chat.has('h1', 'lobby');
  assert.equal(await chat.page.getByRole('button', { name: 'Leave lobby' }).count(), 0);
  await chat.say('/leave');
  await chat.page.getByText('lobby is your only room.').first().waitFor();
  await chat.has('h1', 'lobby');
});

test('a tap anywhere on a room opens it: nobody leaves by a button that is not to be seen', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  const chat = await person.open(server.url, 'Alice');
  await chat.join('garden');
  await chat.page.locator('#open-rooms').tap();
  await chat.page.locator('#rooms.open').waitFor();
  const lobby = chat.rooms.filter({ hasText: 'lobby' });
  const { width, height } = await boundsOf(lobby);
  await lobby.tap({ position: { x: width - 12, y: height / 2 } });
  await chat.has('h1', 'lobby');
  await chat.has('#room-list .room-name', 'lobby', 'garden');
});

test('what is pressed or has the focus stays while numbers and people change', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  await chat.join('garden');
  const lobby = chat.rooms.filter({ hasText: 'lobby' });
  const { mouse } = chat.page;
  const { x, y, width, height } = await boundsOf(lobby);
  await mouse.move(x + width / 2, y + height / 2);
  await mouse.down();
  await server.say('lobby', 'Carol', 'hello');
  await lobby.getByText('1 unread').waitFor({ state: 'attached' });
  await mouse.up();
  await chat.has('h1', 'lobby');
  await chat.page.waitForFunction(() => document.title === 'lobby · sse-chat');
  await chat.rooms.filter({ hasText: 'garden' }).click();
  await chat.has('h1', 'garden');
  await chat.page.getByRole('button', { name: 'Leave garden' }).focus();
  await server.say('lobby', 'Carol', 'hello');
  await lobby.getByText('1 unread').waitFor({ state: 'attached' });
  assert.equal(await chat.page.evaluate(() => document.activeElement.ariaLabel), 'Leave garden');
  await chat.page.locator('#people-list button').focus();
  const bob = await (await Person.arrive(t)).open(`${server.url}/r/garden`, 'Bob');
  await chat.has('#people-list .name', 'Alice', 'Bob');
  await chat.page.locator('#people-list button:focus').waitFor();
  await bob.page.close();
});

test('what was read stays read: in a room that was empty, and after a restart of the server', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const person = await Person.arrive(t);
  let chat = await person.open(server.url, 'Alice');
  for (const life of ['first', 'second']) {
    await chat.join('garden');
    for (const text of ['one', 'two']) await server.say('lobby', 'Carol', `${text} of the ${life}`);
    const lobby = chat.rooms.filter({ hasText: 'lobby' });
    await lobby.getByText('2 unread').waitFor({ state: 'attached' });
    await lobby.click();
    await chat.log.getByText(`two of the ${life}`).waitFor();
    await chat.page.waitForFunction(() => document.title === 'lobby · sse-chat');
    await chat.rooms.filter({ hasText: 'garden' }).click();
    await chat.has('h1', 'garden');
    // A new page shows what this one has stored.
    await chat.page.close();
    chat = await person.open(`${server.url}/r/garden`);
    await chat.has('h1', 'garden');
    await server.say('lobby', 'Carol', 'three');
    await chat.rooms.filter({ hasText: 'lobby' }).getByText('1 unread').waitFor({ state: 'attached' });
    await chat.rooms.filter({ hasText: 'lobby' }).click();
    await chat.page.waitForFunction(() => document.title === 'lobby · sse-chat');
    await server.kill();
    await chat.is('waiting');
    await server.startAgain();
    await chat.is('live');
  }
  person.hadNothingToComplainOf({ netFailures: true });
});

test('a room with much that is unread opens where that begins, and the newest is one click or word away', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  await server.say('lobby', 'Carol', 'read');
  await chat.says('read');
  await chat.join('garden');
  for (let number = 1; number <= 100; number += 1) await server.say('lobby', 'Carol', `new ${number}`);
  const lobby = chat.rooms.filter({ hasText: 'lobby' });
  for (const known of [true, false]) {
    await lobby.getByText('100 unread').waitFor({ state: 'attached' });
    await lobby.click();
    await chat.has('#pill', '100 new messages');
    const { top, bottom } = await chat.page.evaluate(() => document.querySelector('#log .unread').getBoundingClientRect());
    assert(top > 0 && bottom < 200, `the divider is at ${top}`);
    await chat.page.waitForFunction(() => document.title.startsWith('(100) '));
    if (known) {
      // Messages below the visible part stay unread.
      await chat.rooms.filter({ hasText: 'garden' }).click();
      await chat.has('h1', 'garden');
      await chat.page.reload();
      await chat.is('live');
    }
  }
  await chat.pill.click();
  await chat.isAtEnd();
  await chat.pill.waitFor({ state: 'hidden' });
  await chat.page.waitForFunction(() => document.title === 'lobby · sse-chat');

  // There are more messages than the page loads at once, and more than it keeps below
  // a reader who has scrolled up.
  const toTop = () => chat.page.evaluate(() => { document.getElementById('scroller').scrollTop = 0; });
  for (const leave of [() => chat.pill.click(), () => chat.say('mine')]) {
    await toTop();
    await chat.pill.waitFor();
    for (let number = 1; number <= 400; number += 1) await server.say('lobby', 'Carol', `later ${number}`);
    await chat.has('#pill', '400 new messages');
    await leave();
    await chat.pill.waitFor({ state: 'hidden' });
    await chat.isAtEnd();
  }
  await chat.log.locator('.message').last().getByText('mine').waitFor();
  person.hadNothingToComplainOf();
});

test('who is mentioned hears of it once, in however many tabs', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  await person.context.addInitScript(() => {
    window.shown = [];
    window.Notification = class extends EventTarget {
      static permission = 'granted';
      constructor(title, { body }) {
        super();
        window.shown.push(`${title}: ${body}`);
      }
    };
    if (location.protocol === 'http:') localStorage.setItem('sse-chat.notify', 'true');
  });
  const tabs = [await person.open(server.url, 'Alice'), await person.open(server.url), await person.open(server.url)];
  for (const tab of tabs) {
    await tab.page.clock.install();
    await tab.hide(true);
  }
  const shown = async () => {
    for (const { page } of tabs) await page.clock.runFor(3_000);
    return (await Promise.all(tabs.map(({ page }) => page.evaluate(() => window.shown)))).flat();
  };
  const say = async (text) => {
    await server.say('lobby', 'Carol', text);
    for (const { page } of tabs) await page.waitForFunction((text) => document.getElementById('log').textContent.includes(text), text, { polling: 50 });
  };
  await say('hello all');
  await say('hello @Alice');
  let all = [];
  while (all.length === 0) all = await shown();
  assert.deepEqual(all, ['Carol · lobby: hello @Alice']);
  person.hadNothingToComplainOf();
});

test('a room that is none is said to be none', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  await chat.page.locator('#join-room').click();
  for (const room of ['', 'a b', '..', 'a/b', 'x'.repeat(65), '<b>']) {
    await chat.page.locator('#new-room').fill(room);
    await chat.page.locator('#new-room').press('Enter');
    await chat.page.getByRole('alert').filter({ hasText: '1 to 64 letters' }).waitFor();
    await chat.page.locator('#new-room').fill('x');
  }
  await chat.page.locator('#new-room').fill(' #Größe-1.0 ');
  await chat.page.locator('#new-room').press('Enter');
  await chat.has('h1', 'Größe-1.0');
  for (let room = 1; room <= 48; room += 1) await chat.say(`/join room-${room}`);
  await chat.has('h1', 'room-48');
  await chat.say('/join one-too-many');
  await chat.page.getByText('You can be in up to 50 rooms.').first().waitFor();
  await chat.has('h1', 'room-48');
  await chat.is('live');
  await server.say('room-1', 'Carol', 'hello');
  await chat.page.locator('[data-room=room-1]').getByText('1 unread').waitFor({ state: 'attached' });
  // A link does not exceed the limit either: it leads to one of the joined rooms.
  const guest = await person.open(`${server.url}/r/one-too-many`);
  await guest.page.getByText('You can be in up to 50 rooms.').first().waitFor();
  await guest.has('h1', 'lobby');
  person.hadNothingToComplainOf();
});

test('the invite link leads into the room', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t, { permissions: ['clipboard-read', 'clipboard-write'] });
  const chat = await person.open(`${server.url}/r/聊天室`, 'Alice');
  await chat.page.locator('header').getByRole('button', { name: 'Invite people' }).click();
  await chat.page.getByRole('dialog').getByRole('button', { name: 'Copy' }).click();
  await chat.page.getByRole('status').filter({ hasText: 'Copied' }).waitFor();
  const link = await chat.page.evaluate(() => navigator.clipboard.readText());
  const guest = await (await Person.arrive(t)).open(link, 'Bob');
  await guest.has('h1', '聊天室');
  await guest.say('here I am');
  await chat.says('here I am');
});

test('a number is no way out of a room, and a room that was left comes back as it was', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  for (const room of ['a-secret', 'b', 'c']) await chat.join(room);
  await chat.rooms.filter({ hasText: 'a-secret' }).click();
  await chat.message.fill('half a thought');
  await chat.rooms.filter({ hasText: /^c$/ }).click();
  await chat.has('h1', 'c');
  for (const text of ['one', 'two, @Alice']) await server.say('a-secret', 'Carol', text);
  const secret = chat.rooms.filter({ hasText: 'a-secret' });
  await secret.getByText('2 unread').waitFor({ state: 'attached' });
  await secret.getByText('1 mention').waitFor({ state: 'attached' });
  // A badge under the pointer stays visible, and a click on it opens the room.
  const badge = secret.locator('.badge');
  // It is attached before the list is laid out with it.
  await badge.waitFor();
  const { x, y, width, height } = await boundsOf(badge);
  await chat.page.mouse.move(x + width / 2, y + height / 2);
  const under = await chat.page.evaluate(([x, y]) => {
    const leave = document.querySelector('li:hover > .leave').getBoundingClientRect();
    return { isLeave: document.elementFromPoint(x, y).closest('.leave') !== null, from: leave.left };
  }, [x + width / 2, y + height / 2]);
  assert.deepEqual(under, { isLeave: false, from: under.from });
  assert(under.from >= x + width, `the cross begins at ${under.from}, the number ends at ${x + width}`);
  assert.equal(await badge.evaluate((at) => getComputedStyle(at).visibility), 'visible');

  const leave = () => chat.page.getByRole('button', { name: 'Leave a-secret' });
  const undo = chat.page.getByRole('button', { name: 'Undo' });
  await secret.hover();
  await leave().click();
  await chat.has('#room-list .room-name', 'lobby', 'b', 'c');
  await server.say('a-secret', 'Carol', 'three');
  await undo.click();
  await chat.has('#room-list .room-name', 'lobby', 'a-secret', 'b', 'c');
  await chat.has('h1', 'c');
  await secret.getByText('3 unread').waitFor({ state: 'attached' });
  await secret.getByText('1 mention').waitFor({ state: 'attached' });
  await undo.waitFor({ state: 'hidden' });
  await secret.click();
  await chat.says('one', 'two, @Alice', 'three');
  await chat.has('#log .unread', 'Today New');
  assert.equal(await chat.message.inputValue(), 'half a thought');

  // By the keyboard alone, the open room, and two of them.
  await leave().focus();
  await chat.page.keyboard.press('Enter');
  await chat.has('h1', 'b');
  await chat.page.locator('#notice button:focus').waitFor();
  await chat.say('/leave');
  await chat.has('#room-list .room-name', 'lobby', 'c');
  await chat.message.press('Shift+Tab');
  await chat.page.locator('#notice button:focus').waitFor();
  await chat.page.keyboard.press('Enter');
  await chat.has('h1', 'b');
  await chat.page.getByText('You left a-secret.').first().waitFor();
  await chat.message.press('Shift+Tab');
  await chat.page.keyboard.press('Enter');
  await chat.has('h1', 'a-secret');
  await chat.has('#room-list .room-name', 'lobby', 'a-secret', 'b', 'c');
  assert.equal(await chat.message.inputValue(), 'half a thought');
  // And all of it is kept.
  await chat.page.reload();
  await chat.is('live');
  await chat.has('#room-list .room-name', 'lobby', 'a-secret', 'b', 'c');
  person.hadNothingToComplainOf();
});

test('a room that opens is in sight in the list', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t, { viewport: { width: 1280, height: 640 } });
  const chat = await person.open(server.url, 'Alice');
  const inSight = (room) => chat.page.waitForFunction((room) => {
    const list = document.getElementById('room-list').getBoundingClientRect();
    const box = document.querySelector(`[data-room="${room}"]`)?.getBoundingClientRect();
    return box !== undefined && box.top >= list.top - 1 && box.bottom <= list.bottom + 1;
  }, room);
  for (let room = 1; room <= 30; room += 1) await chat.say(`/join room-${room}`);
  await chat.has('h1', 'room-30');
  await inSight('room-30');
  await chat.say('/join lobby');
  await inSight('lobby');
  // Numbers that change do not move the list under somebody who looks elsewhere in it.
  await chat.page.evaluate(() => { document.getElementById('room-list').scrollTop = 300; });
  await server.say('room-30', 'Carol', 'hello');
  await chat.page.waitForFunction(() => document.title.startsWith('(1) '));
  assert.equal(await chat.page.evaluate(() => document.getElementById('room-list').scrollTop), 300);
  await chat.page.goto(`${server.url}/r/room-30`);
  await inSight('room-30');
  person.hadNothingToComplainOf();
});

test('on a phone, a person who is tapped is in the message box, and the drawer is gone', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t, { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });
  const chat = await person.open(server.url, 'Alice');
  const bob = await (await Person.arrive(t)).open(server.url, 'Bob');
  await chat.has('#people-count', '2');
  await chat.page.locator('#open-people').tap();
  await chat.page.locator('#people.open').waitFor();
  await chat.page.locator('#people-list .person').filter({ hasText: 'Bob' }).tap();
  await chat.page.locator('#people:not(.open)').waitFor({ state: 'attached' });
  assert.equal(await chat.message.inputValue(), '@Bob ');
  await chat.page.locator('#message:focus').waitFor();
  await bob.page.close();
});

test('the wheel scrolls also where something lies over the talk', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  for (let number = 1; number <= 80; number += 1) await server.say('lobby', 'Carol', `message ${number}`);
  await chat.log.getByText('message 80', { exact: true }).waitFor();
  const top = () => chat.page.evaluate(() => document.getElementById('scroller').scrollTop);
  await chat.join('garden');
  await chat.rooms.filter({ hasText: 'lobby' }).click();
  await chat.isAtEnd();
  await chat.page.evaluate(() => { document.getElementById('scroller').scrollTop -= 500; });
  await chat.page.getByRole('button', { name: 'Leave garden' }).focus();
  await chat.page.keyboard.press('Enter');
  const before = await top();
  const { x, y, width, height } = await boundsOf(chat.pill);
  await chat.page.mouse.move(x + width / 2, y + height / 2);
  await chat.page.mouse.wheel(0, -100);
  await chat.page.waitForFunction((before) => document.getElementById('scroller').scrollTop < before, before);
  // The notice is between the log and the message box, and covers neither.
  const bounds = (selector) => boundsOf(chat.page.locator(selector));
  for (const room of ['lobby', 'quiet']) {
    if (room === 'quiet') await chat.join(room);
    const [log, notice, box] = [await bounds('#scroller'), await bounds('#notice'), await bounds('#composer')];
    assert(log.y + log.height <= notice.y && notice.y + notice.height <= box.y, room);
  }
  person.hadNothingToComplainOf();
});
