// The chat page of moderators: deleting messages of others,
// banning, and lifting bans; and for those who may not.

import assert from 'node:assert/strict';
import test from 'node:test';

import { violations } from './axe.mjs';
import { LIMIT, QUICK, Chat, Person, boundsOf, press } from './browser.mjs';
import { Server } from './server.mjs';
import { TokenKey } from './tokens.mjs';

/** A server with a key, and a person with a session on it. */
async function start(t) {
  const key = await TokenKey.make(t);
  return { key, server: await Server.start(t, '--token-key', key.file, ...QUICK) };
}

/** Opens a link with a token, and agrees. */
async function enter(t, url, token, options) {
  const person = await Person.arrive(t, options);
  const chat = new Chat(await person.context.newPage());
  await chat.page.goto(`${url}#token=${token}`);
  await chat.page.locator('dialog[open] .main').click();
  await chat.is('live');
  return { person, chat };
}

const MODERATOR = { name: 'Mo', sub: 'm', rooms: { write: ['*'], moderate: ['lobby'] } };
const GUEST = { name: 'Bob', sub: 'b' };

/** Opens the actions of a message, and takes one. */
async function act(chat, text, action) {
  const row = chat.log.locator('.message', { has: chat.page.locator('.text', { hasText: text }) });
  await row.hover();
  await row.locator('.more').click();
  await chat.page.getByRole('menuitem', { name: action }).click();
}

test('a moderator deletes what another has said, and bans its author, until the ban is lifted', LIMIT, async (t) => {
  const { key, server } = await start(t);
  const { chat: guest } = await enter(t, server.url, key.token(GUEST));
  const { chat, person } = await enter(t, server.url, key.token(MODERATOR));
  for (const text of ['spam', 'more spam']) await guest.say(text);
  await chat.says('spam', 'more spam');

  await act(chat, 'more spam', 'Delete…');
  await chat.has('dialog[open] .quote', 'more spam');
  await chat.page.getByRole('button', { name: 'Cancel' }).click();
  await act(chat, 'more spam', 'Delete…');
  await chat.page.locator('dialog[open]').getByRole('button', { name: 'Delete' }).click();
  for (const page of [chat, guest]) {
    await page.says('spam');
    await page.has('#log .deleted > span', 'Message deleted');
  }

  await act(chat, 'spam', 'Ban author…');
  await chat.has('dialog[open] h2', 'Ban \u2068Bob\u2069 from lobby?');
  await chat.has('dialog[open] option', '1 hour', '1 day', '30 days');
  await chat.page.getByLabel('Duration').selectOption('30 days');
  await chat.page.locator('dialog[open]').getByRole('button', { name: 'Ban' }).click();
  await chat.has('#notice > span', '\u2068Bob\u2069 is banned.');
  await guest.status.filter({ hasText: 'You can’t read lobby: your session doesn’t permit it, or you’re banned.' }).waitFor();
  await guest.is('closed');

  await chat.page.getByRole('button', { name: 'Bans' }).click();
  await chat.has('dialog[open] bdi', 'Bob');
  const days = (Date.parse(await chat.page.evaluate(async () => (await (await fetch('rooms/lobby/bans')).json()).bans[0].until)) - Date.now()) / 86_400_000;
  assert(days > 29 && days < 31, `${days} days`);
  await chat.page.getByRole('button', { name: 'Lift the ban on \u2068Bob\u2069' }).click();
  await chat.has('dialog[open] li', 'No one is banned.');
  await chat.page.getByRole('button', { name: 'Close' }).click();
  await guest.status.getByRole('button', { name: 'Retry now' }).click();
  await guest.is('live');
  await guest.say('sorry');
  await chat.says('spam', 'sorry');
  person.hadNothingToComplainOf();
});

test('who may not moderate sees nothing of it, and a moderator only where they may', LIMIT, async (t) => {
  const { key, server } = await start(t);
  const { chat: guest } = await enter(t, server.url, key.token(GUEST));
  const { chat } = await enter(t, server.url, key.token(MODERATOR));
  await chat.say('of a moderator');
  await guest.say('of a guest');
  for (const page of [chat, guest]) await page.says('of a moderator', 'of a guest');
  assert(await guest.page.locator('#open-bans').isHidden());
  /** What the menu of a message has. */
  const menu = async (page, text, ...items) => {
    const row = page.log.locator('.message', { hasText: text });
    await row.hover();
    await row.locator('.more').click();
    await page.has('.menu > [role=menuitem]', ...items);
    await page.page.keyboard.press('Escape');
    await page.page.locator('.menu').waitFor({ state: 'detached' });
  };
  await menu(guest, 'of a moderator', 'Copy text', 'Copy link');
  await menu(chat, 'of a guest', 'Copy text', 'Copy link', 'Delete…', 'Ban author…');
  // Not themselves.
  await menu(chat, 'of a moderator', 'Copy text', 'Copy link', 'Edit', 'Delete');
  await chat.join('other');
  await guest.join('other');
  await guest.say('elsewhere');
  await chat.says('elsewhere');
  await menu(chat, 'elsewhere', 'Copy text', 'Copy link');
  assert(await chat.page.locator('#open-bans').isHidden());
  await chat.rooms.first().click();
  await chat.page.locator('#open-bans').waitFor();
  // After logging out, nothing of it is left.
  await chat.page.getByRole('button', { name: 'Settings' }).click();
  await chat.page.locator('#session').getByRole('button', { name: 'Log out' }).click();
  await chat.is('closed');
  await chat.page.keyboard.press('Escape');
  await menu(chat, 'of a guest', 'Copy text', 'Copy link');
  assert(await chat.page.locator('#open-bans').isHidden());
});

test('what is refused says why', LIMIT, async (t) => {
  const { key, server } = await start(t);
  const { chat } = await enter(t, server.url, key.token(MODERATOR));
  const { chat: guest } = await enter(t, server.url, key.token(GUEST));
  await guest.say('spam');
  await chat.says('spam');
  const refuse = (method, status, code, detail) => chat.page.route(/\/(bans|messages\/)/, (route) => {
    if (route.request().method() !== method) return route.fallback();
    return route.fulfill({ status, contentType: 'application/problem+json', body: JSON.stringify({ type: 'about:blank', title: '', status, code, detail }) });
  });
  await refuse('PUT', 429, 'rate_limited', 'a room has at most 1,000 bans');
  await act(chat, 'spam', 'Ban author…');
  await chat.page.locator('dialog[open]').getByRole('button', { name: 'Ban' }).click();
  await chat.has('#notice > span', 'The server answered 429: a room has at most 1,000 bans.');
  await refuse('DELETE', 403, 'forbidden', 'no');
  await act(chat, 'spam', 'Delete…');
  await chat.page.locator('dialog[open]').getByRole('button', { name: 'Delete' }).click();
  await chat.has('#notice > span', 'It’s already gone, or it isn’t yours to delete.');
  await chat.says('spam');
});

test('moderation works with a screen reader, and on a phone of 320 px in the dark', LIMIT, async (t) => {
  const { key, server } = await start(t);
  const phone = { viewport: { width: 320, height: 568 }, hasTouch: true, isMobile: true, colorScheme: 'dark', locale: 'zh-CN' };
  const { chat, person } = await enter(t, server.url, key.token(MODERATOR), phone);
  const { chat: guest } = await enter(t, server.url, key.token(GUEST));
  await guest.say('word '.repeat(30));
  await press(chat, chat.log.locator('.message .text'));
  await chat.has('.sheet > button', '回复', '复制文字', '复制链接', '撤回…', '封禁发送者…');
  const fits = async (selector) => {
    const { x, y, width, height } = await boundsOf(chat.page.locator(selector));
    assert(x >= 0 && y >= 0 && x + width <= 320 && y + height <= 568, `${selector} is on the screen`);
  };
  await fits('.sheet');
  assert.deepEqual(await violations(chat.page), []);
  await chat.page.getByRole('button', { name: '封禁发送者…' }).tap();
  await fits('dialog[open]');
  assert.deepEqual(await violations(chat.page), []);
  await chat.page.locator('dialog[open]').getByRole('button', { name: '封禁' }).tap();
  await chat.page.locator('#open-people').tap();
  await chat.page.locator('#open-bans').tap();
  await chat.page.locator('dialog[open] li').waitFor();
  await fits('dialog[open]');
  assert.deepEqual(await violations(chat.page), []);
  person.hadNothingToComplainOf();
});
