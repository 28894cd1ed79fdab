// The chat page: what can be done with messages, by mouse, keyboard and touch;
// without a connection, in two tabs, and when the server refuses it.

import assert from 'node:assert/strict';
import test from 'node:test';

import { violations } from './axe.mjs';
import { LIMIT, QUICK, Chat, Person, boundsOf, press } from './browser.mjs';
import { HttpProxy } from './http_proxy.mjs';
import { DEADLINE_MS, Server } from './server.mjs';
import { TokenKey } from './tokens.mjs';

const PHONE = { viewport: { width: 390, height: 760 }, hasTouch: true, isMobile: true };
/** A change of a message. */
const CHANGE = /^(PATCH|PUT|DELETE) \/rooms\/.*\/messages\//;

const rowOf = (chat, text) => chat.log.locator('.message', { has: chat.page.locator('.text', { hasText: text }) });

/** Takes an action from the menu of a message. */
async function choose(chat, text, action) {
  await rowOf(chat, text).hover();
  await rowOf(chat, text).locator('.more').click();
  await chat.page.getByRole('menuitem', { name: action, exact: true }).click();
}

/** Publishes a message as another person. */
async function say(server, name, message, more = {}) {
  const response = await fetch(`${server.url}/rooms/lobby/messages`, {
    method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, message, edit_key: 'abcdefghijklmnop', ...more }),
  });
  assert.equal(response.status, 201);
  return response.json();
}

/** Sends by the button, where Enter begins a new line. */
async function send(chat, text) {
  await chat.message.fill(text);
  await chat.page.locator('#send').click();
}

const focusedText = (chat) => chat.page.evaluate(() => document.activeElement.closest('li')?.querySelector('.text')?.textContent);

/** What the server has, with the texts of deleted messages empty. */
const texts = async (server) => (await server.said('lobby')).map(({ message = '' }) => message);

test('an own message is edited, by its menu and by arrow up; Escape cancels and brings back the draft', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  for (const text of ['one', 'two']) await chat.say(text);
  await chat.has('#log .own .text', 'one', 'two');
  await chat.message.fill('a draft');
  await choose(chat, 'one', 'Edit');
  assert.equal(await chat.message.inputValue(), 'one');
  await chat.has('#intent strong', 'Editing message');
  assert.deepEqual(await violations(chat.page), []);
  await chat.message.press('Escape');
  assert.equal(await chat.message.inputValue(), 'a draft');
  assert(await chat.page.locator('#intent').isHidden());
  await choose(chat, 'one', 'Edit');
  await chat.message.fill('one, edited');
  await chat.message.press('Enter');
  assert.equal(await chat.message.inputValue(), 'a draft');
  await chat.says('one, edited', 'two');
  await chat.log.locator('.edited').waitFor();
  // A draft stays; arrow up is for the empty box.
  await chat.message.press('ArrowUp');
  assert.equal(await chat.message.inputValue(), 'a draft');
  await chat.message.fill('');
  await chat.message.press('ArrowUp');
  await chat.page.locator('#intent').waitFor();
  assert.equal(await chat.message.inputValue(), 'two');
  // No command: it is the text of a message.
  await chat.say('/help two');
  await chat.says('one, edited', '/help two');
  await chat.page.reload();
  await chat.is('live');
  await chat.says('one, edited', '/help two');
  assert.equal(await chat.message.inputValue(), '');
  assert.deepEqual(await texts(server), ['one, edited', '/help two']);
  person.hadNothingToComplainOf();
});

test('an own message is deleted at once, and can be brought back; the server hears of it later', LIMIT, async (t) => {
  const server = await Server.start(t);
  const proxy = await HttpProxy.start(t, server.host);
  const person = await Person.arrive(t);
  const chat = await person.open(proxy.url, 'Alice');
  for (const text of ['one', 'two', 'three']) await chat.say(text);
  await chat.has('#log .own .text', 'one', 'two', 'three');
  await choose(chat, 'two', 'Delete');
  await chat.says('one', 'three');
  await chat.has('#log .deleted > span', 'Message deleted');
  await chat.has('#notice > span', 'Message deleted.');
  await chat.page.locator('#notice').getByRole('button', { name: 'Undo' }).press('Enter');
  assert.equal(await chat.message.evaluate((box) => box === document.activeElement), true, 'the focus is not lost with the button');
  await chat.says('one', 'two', 'three');
  assert.equal(proxy.count(CHANGE), 0);
  // A page that is left deletes at once.
  await choose(chat, 'two', 'Delete');
  const asked = proxy.next(CHANGE);
  await chat.hide(true);
  await asked;
  await chat.hide(false);
  await chat.says('one', 'three');
  await chat.page.waitForFunction(() => !Object.keys(localStorage).some((key) => key.startsWith('sse-chat.outbox.')));
  assert.deepEqual(await texts(server), ['one', '', 'three']);
  // Its key is in this browser's storage only, and is never sent out.
  const stored = await chat.page.evaluate(() => JSON.parse(localStorage.getItem('sse-chat.edit_key')));
  assert.match(stored, /^[\w-]{32}$/);
  assert(!JSON.stringify(await server.said('lobby')).includes(stored));
  person.hadNothingToComplainOf();
});

test('a tab that is closed, or leads elsewhere, deletes all that was just deleted', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const leave = { close: (page) => page.close(), elsewhere: (page) => page.goto('about:blank') };
  for (const [room, go] of Object.entries(leave)) {
    const chat = await person.open(`${server.url}/r/${room}`, 'Alice');
    for (const text of ['one', 'two', 'three']) await chat.say(text);
    await chat.has('#log .own .text', 'one', 'two', 'three');
    await choose(chat, 'one', 'Delete');
    await choose(chat, 'three', 'Delete');
    await chat.says('two');
    await go(chat.page);
    const deadline = Date.now() + DEADLINE_MS;
    while ((await server.said(room)).filter(({ deleted }) => deleted).length < 2) assert(Date.now() < deadline, `${room}: not deleted in time`);
  }
  person.hadNothingToComplainOf();
});

test('by keyboard: one stop of the Tab key, arrows between messages and in the bar, Enter, Escape', LIMIT, async (t) => {
  const server = await Server.start(t);
  await say(server, 'Carol', 'of Carol');
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  const { page } = chat;
  for (const text of ['first', 'second']) await chat.say(text);
  await chat.has('#log .own .text', 'first', 'second');
  await page.locator('#said').focus();
  await page.keyboard.press('Tab');
  assert.equal(await focusedText(chat), 'second');
  await page.locator('.bar:focus-within .reply').waitFor();
  // The message is read after the name of its button.
  assert.equal(await page.evaluate(() => document.getElementById(document.activeElement.getAttribute('aria-describedby')).textContent), 'second');
  for (const text of ['first', 'of Carol']) {
    await page.keyboard.press('ArrowUp');
    await page.waitForFunction((text) => document.activeElement.closest('li')?.querySelector('.text')?.textContent === text, text);
  }
  // A reaction: from the button to the search, and by its name.
  await page.locator('.bar:focus-within .react').waitFor();
  await page.keyboard.press('ArrowLeft');
  await page.locator('.reply:focus').waitFor();
  await page.keyboard.press('ArrowLeft');
  await page.locator('.react:focus').waitFor();
  await page.keyboard.press('Enter');
  await page.locator('.picker input:focus').waitFor();
  assert.deepEqual(await violations(page), []);
  await page.keyboard.type('tada');
  await chat.has('.picker .pick', '🎉');
  await page.keyboard.press('Enter');
  await chat.has('#log .reactions button[aria-pressed=true]', '🎉 1 \u2068Alice\u2069');
  await page.locator('.react:focus').waitFor();
  // The chip is to the right of the bar; it takes the reaction back.
  for (const selector of ['.reply', '.more', '.reactions button']) {
    await page.keyboard.press('ArrowRight');
    await page.locator(`${selector}:focus`).waitFor();
  }
  await page.keyboard.press('Enter');
  await chat.has('#log .reactions button');
  await page.locator('.more:focus').waitFor();
  // The menu, and back to the message box.
  await page.keyboard.press('End');
  await page.waitForFunction(() => document.activeElement.closest('li')?.querySelector('.text')?.textContent === 'second');
  await page.keyboard.press('Enter');
  await page.locator('.menu button:focus').waitFor();
  await chat.has('.menu > [role=menuitem]', 'Copy text', 'Copy link', 'Edit', 'Delete');
  assert.deepEqual(await violations(page), []);
  await page.keyboard.press('Escape');
  await page.locator('.menu').waitFor({ state: 'detached' });
  await page.locator('.more:focus').waitFor();
  await page.keyboard.press('Enter');
  await page.locator('.menu button:focus').waitFor();
  await page.keyboard.press('End');
  await page.keyboard.press('Enter');
  await chat.says('of Carol', 'first');
  // The focus stays where it was.
  await page.locator('.deleted:focus').waitFor();
  await page.locator('#said').focus();
  await page.keyboard.press('Tab');
  await page.waitForFunction(() => document.activeElement.matches('.more'));
  await page.keyboard.press('Escape');
  await page.locator('#message:focus').waitFor();
  person.hadNothingToComplainOf();
});

test('by touch: a long press opens the sheet; react, reply, copy, edit and delete', LIMIT, async (t) => {
  const server = await Server.start(t);
  const theirs = await say(server, 'Carol', 'of Carol');
  const person = await Person.arrive(t, PHONE);
  const chat = await person.open(server.url, 'Alice');
  const { page } = chat;
  await send(chat, 'mine');
  await chat.has('#log .own .text', 'mine');
  const text = (text) => rowOf(chat, text).locator('.text');
  // A tap and a scroll open nothing.
  await text('of Carol').tap();
  await press(chat, text('of Carol'));
  await chat.has('.sheet > button', 'Reply', 'Copy text', 'Copy link');
  assert.deepEqual(await violations(page), []);
  for (const target of await page.locator('.sheet button').all()) {
    const { width, height } = await boundsOf(target);
    assert(width >= 44 && height >= 44, `${await target.textContent()}: ${width} x ${height}`);
  }
  await page.locator('.sheet .pick').first().tap();
  await chat.has('#log .reactions button[aria-pressed=true]', '👍 1 \u2068Alice\u2069');
  // Another emoji, by its Chinese name.
  await press(chat, text('of Carol'));
  await page.locator('.sheet .pick').last().tap();
  await page.locator('.sheet input').fill('火箭');
  await page.locator('.sheet .grid .pick').tap();
  await chat.has('#log .reactions button', '👍 1 \u2068Alice\u2069', '🚀 1 \u2068Alice\u2069');
  await page.locator('.reactions button').first().tap();
  await chat.has('#log .reactions button', '🚀 1 \u2068Alice\u2069');
  await press(chat, text('of Carol'));
  await page.locator('.sheet').getByRole('button', { name: 'Reply' }).tap();
  await chat.has('#intent strong', 'Replying to \u2068Carol\u2069');
  await send(chat, 'an answer');
  await chat.has('#log .answered .answered-text', 'of Carol');
  assert.equal((await server.said('lobby')).at(-1).reply_to, theirs.id);
  await press(chat, text('mine'));
  await chat.has('.sheet > button', 'Reply', 'Copy text', 'Copy link', 'Edit', 'Delete');
  await page.locator('.sheet').getByRole('button', { name: 'Edit' }).tap();
  await page.locator('#intent').waitFor();
  await send(chat, 'mine, edited');
  await chat.says('of Carol', 'mine, edited', 'an answer');
  await press(chat, text('mine, edited'));
  await page.locator('.sheet').getByRole('button', { name: 'Delete' }).tap();
  await chat.says('of Carol', 'an answer');
  await page.locator('#notice').getByRole('button', { name: 'Undo' }).tap();
  await chat.says('of Carol', 'mine, edited', 'an answer');
  person.hadNothingToComplainOf();
});

test('an answer shows what it answers and leads there; an answer to one’s own message is a mention', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const old = await say(server, 'Carol', 'a long time ago\nin a galaxy');
  const gone = await say(server, 'Carol', 'to be deleted');
  await fetch(`${server.url}/rooms/lobby/messages/${gone.id}`, { method: 'DELETE', headers: { 'edit-key': 'abcdefghijklmnop' } });
  for (let number = 0; number < 60; number += 1) await say(server, 'Carol', `number ${number}`);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  await say(server, 'Bob', 'to old', { reply_to: old.id });
  await say(server, 'Bob', 'to gone', { reply_to: gone.id });
  await chat.has('#log .answered', 'In reply to Carol a long time ago in a galaxy', 'In reply to This message is no longer available');
  assert.equal(await chat.log.locator('.answered').last().isDisabled(), true);
  await chat.say('mine');
  await chat.has('#log .own .text', 'mine');
  const mine = (await server.said('lobby')).at(-1);
  await say(server, 'Bob', 'to me', { reply_to: mine.id });
  await chat.has('#log .for-me .text', 'to me');
  await rowOf(chat, 'to me').locator('.answered').click();
  await chat.page.locator('.own .more:focus').waitFor();
  // In another room it counts as a mention.
  await chat.join('other');
  await say(server, 'Bob', 'once more', { reply_to: mine.id });
  await chat.has('#room-list .badge.mentions > [aria-hidden]', '@1');
  // One's own answer, with the bar above the box.
  await chat.rooms.filter({ hasText: 'lobby' }).click();
  await rowOf(chat, 'once more').hover();
  await rowOf(chat, 'once more').locator('.reply').click();
  await chat.has('#intent strong', 'Replying to \u2068Bob\u2069');
  assert.deepEqual(await violations(chat.page), []);
  await chat.say('an answer');
  assert(await chat.page.locator('#intent').isHidden());
  await rowOf(chat, 'an answer').filter({ hasText: 'once more' }).waitFor();
  await chat.say('no answer');
  await rowOf(chat, 'no answer').waitFor();
  const [answer, next] = (await server.said('lobby')).slice(-2);
  assert.equal(answer.message, 'an answer');
  assert(answer.reply_to);
  assert.equal(next.reply_to, undefined);
  person.hadNothingToComplainOf();
});

test('the text and the link of a message are copied', LIMIT, async (t) => {
  const server = await Server.start(t);
  const { id } = await say(server, 'Carol', '**bold** and `code`');
  const person = await Person.arrive(t, { permissions: ['clipboard-read', 'clipboard-write'] });
  const chat = await person.open(server.url, 'Alice');
  const copied = () => chat.page.evaluate(() => navigator.clipboard.readText());
  await choose(chat, 'bold', 'Copy text');
  await chat.has('#notice > span', 'Text copied.');
  assert.equal(await copied(), '**bold** and `code`');
  await choose(chat, 'bold', 'Copy link');
  await chat.has('#notice > span', 'Link copied.');
  assert.equal(await copied(), `${server.url}/r/lobby#${id}`);
  person.hadNothingToComplainOf();
});

test('edits, deletions and reactions wait for the connection, over a reload, and are made in order', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const theirs = await say(server, 'Carol', 'of Carol');
  const proxy = await HttpProxy.start(t, server.host);
  const person = await Person.arrive(t);
  const chat = await person.open(proxy.url, 'Alice');
  for (const text of ['one', 'two']) await chat.say(text);
  await chat.has('#log .own .text', 'one', 'two');
  await rowOf(chat, 'two').hover();
  await rowOf(chat, 'two').locator('.react').waitFor();
  // Nothing but the page itself can be loaded.
  proxy.answer(/rooms/, { status: 503, body: '' });
  await choose(chat, 'one', 'Edit');
  await chat.say('one, edited');
  await choose(chat, 'two', 'Delete');
  await rowOf(chat, 'of Carol').hover();
  await rowOf(chat, 'of Carol').locator('.react').click();
  await chat.page.locator('.picker .pick').first().click();
  await chat.say('thre');
  await chat.outbox.filter({ hasText: 'thre' }).waitFor();
  // A message that is not sent yet is changed where it is.
  await chat.message.press('ArrowUp');
  await chat.page.locator('#intent').waitFor();
  await chat.say('three');
  await chat.has('#outbox .text', 'three');
  const shows = async () => {
    await chat.says('of Carol', 'one, edited');
    await chat.has('#log .reactions button', '👍 1 \u2068Alice\u2069');
    await chat.has('#outbox .text', 'three');
    await chat.log.locator('.state').first().waitFor();
  };
  await shows();
  proxy.behave();
  proxy.answer(/^(PUT|PATCH|POST|DELETE) /, { status: 503, body: '' });
  await chat.page.reload();
  await shows();
  assert.deepEqual(await texts(server), ['of Carol', 'one', 'two']);
  proxy.behave();
  const before = proxy.asked.length;
  await chat.says('of Carol', 'one, edited', 'three');
  await chat.has('#outbox > li');
  await chat.page.waitForFunction(() => !Object.keys(localStorage).some((key) => key.startsWith('sse-chat.outbox.')));
  const said = await server.said('lobby');
  assert.deepEqual(said.map(({ message = '' }) => message), ['of Carol', 'one, edited', '', 'three']);
  assert.deepEqual(said.find(({ id }) => id === theirs.id).reactions, [{ emoji: '👍', count: 1, names: ['Alice'] }]);
  const made = proxy.asked.slice(before).filter((asked) => /^(PATCH|PUT|DELETE|POST) /.test(asked)).map((asked) => asked.split(' ')[0]);
  assert.deepEqual([...new Set(made)], ['PATCH', 'DELETE', 'PUT', 'POST']);
  person.complaints = person.complaints.filter((text) => !text.includes('status of 503'));
  person.hadNothingToComplainOf({ netFailures: true });
});

test('a message whose answer was lost is edited: the server’s copy becomes the new text', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const proxy = await HttpProxy.start(t, server.host);
  const person = await Person.arrive(t);
  const chat = await person.open(`${proxy.url}/r/lobby?shared=0`, 'Alice');
  // The page hears nothing of what it has sent.
  proxy.answer(/^GET \/events/, { status: 503, body: '' });
  proxy.cut();
  await chat.is('waiting');
  proxy.loseAnswer(/^POST \/rooms/, Infinity);
  await chat.say('helo');
  await chat.outbox.filter({ hasText: 'Waiting' }).waitFor();
  await chat.message.press('ArrowUp');
  await chat.page.locator('#intent').waitFor();
  await chat.say('hello');
  proxy.behave();
  await chat.page.evaluate(() => dispatchEvent(new Event('online')));
  await chat.says('hello');
  await chat.has('#outbox > li');
  await chat.log.locator('.edited').waitFor();
  assert.deepEqual(await texts(server), ['hello']);
});

test('what one tab does shows in the other, with one’s own reactions', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const here = await person.open(server.url, 'Alice');
  const there = await person.open(server.url);
  for (const text of ['one', 'two']) await here.say(text);
  await there.has('#log .own .text', 'one', 'two');
  await there.message.press('ArrowUp');
  await there.page.locator('#intent').waitFor();
  await there.say('two, edited');
  await here.says('one', 'two, edited');
  await rowOf(here, 'one').hover();
  await rowOf(here, 'one').locator('.react').click();
  await here.page.locator('.picker .pick').nth(1).click();
  await there.has('#log .reactions button[aria-pressed=true]', '❤️ 1 \u2068Alice\u2069');
  await rowOf(there, 'one').locator('.reactions button').click();
  await here.has('#log .reactions button');
  await choose(here, 'two, edited', 'Delete');
  // The tab ends before the deletion: the other one takes it over.
  await here.page.close({ runBeforeUnload: false });
  await there.says('one');
  await there.has('#log .deleted > span', 'Message deleted');
  assert.deepEqual(await texts(server), ['one', '']);
});

test('a message that can no longer be changed stays, and the page says so', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  for (const text of ['mine', 'mine, too']) await chat.say(text);
  await chat.has('#log .own .text', 'mine', 'mine, too');
  // Another key, as after a change of the browser's storage.
  await chat.page.evaluate(() => localStorage.setItem('sse-chat.edit_key', JSON.stringify('x'.repeat(32))));
  await choose(chat, 'mine, too', 'Delete');
  await chat.hide(true);
  await chat.has('#notice > span', 'It’s already gone, or it isn’t yours to delete.');
  await chat.hide(false);
  await chat.says('mine', 'mine, too');
  // A refused edit keeps its text.
  await chat.message.press('ArrowUp');
  await chat.page.locator('#intent').waitFor();
  await chat.say('edited');
  await chat.has('#log .state', 'Not saved: you don’t have permission Retry Edit Discard');
  await chat.says('mine', 'edited');
  await chat.log.getByRole('button', { name: 'Discard' }).click();
  await chat.says('mine', 'mine, too');
});

test('an edit of a message that is gone is dropped, and a rate limit delays one', LIMIT, async (t) => {
  const server = await Server.start(t);
  const proxy = await HttpProxy.start(t, server.host);
  const person = await Person.arrive(t);
  const chat = await person.open(proxy.url, 'Alice');
  await chat.say('mine');
  await chat.has('#log .own .text', 'mine');
  const problem = (status, code) => ({ status, type: 'application/problem+json', body: JSON.stringify({ type: 'about:blank', title: '', status, code, detail: '' }) });
  proxy.answer(CHANGE, { ...problem(429, 'rate_limited'), headers: { 'retry-after': '1' } }, 1);
  await chat.message.press('ArrowUp');
  await chat.page.locator('#intent').waitFor();
  await chat.say('delayed');
  await chat.log.locator('.edited').waitFor();
  assert.deepEqual(await texts(server), ['delayed']);
  assert.equal(proxy.count(CHANGE), 2);
  proxy.answer(CHANGE, problem(404, 'not_found'), 1);
  await chat.message.press('ArrowUp');
  await chat.page.locator('#intent').waitFor();
  await chat.say('too late');
  await chat.has('#notice > span', 'The message is no longer there, so the edit was not saved.');
  await chat.says('delayed');
  proxy.answer(CHANGE, problem(400, 'invalid_reaction'), 1);
  await rowOf(chat, 'delayed').hover();
  await rowOf(chat, 'delayed').locator('.react').click();
  await chat.page.locator('.picker .pick').first().click();
  await chat.has('#notice > span', 'This message can’t take more reactions.');
  await chat.has('#log .reactions button');
});

test('with tokens: who may only read can copy; a session that is over delays changes until the next one', LIMIT, async (t) => {
  const key = await TokenKey.make(t);
  const server = await Server.start(t, '--token-key', key.file, ...QUICK);
  const enter = async (person, token) => {
    const chat = new Chat(await person.context.newPage());
    await chat.page.goto(`${server.url}#token=${token}`);
    await chat.page.locator('dialog[open] .main').click();
    await chat.is('live');
    return chat;
  };
  const writer = await Person.arrive(t);
  const chat = await enter(writer, key.token({ name: 'Bob', sub: 'b' }));
  await chat.say('of Bob');
  await chat.has('#log .own .text', 'of Bob');
  const reader = await Person.arrive(t);
  const other = await enter(reader, key.token({ name: 'Rea', sub: 'r', rooms: { read: ['*'] } }));
  await other.says('of Bob');
  await rowOf(other, 'of Bob').hover();
  await rowOf(other, 'of Bob').locator('.more').click();
  await other.has('.menu > [role=menuitem]', 'Copy text', 'Copy link');
  assert.equal(await other.page.locator('.react, .reply').count(), 0);
  // The session is over.
  await rowOf(chat, 'of Bob').hover();
  await rowOf(chat, 'of Bob').locator('.react').waitFor();
  await writer.context.clearCookies();
  await chat.message.press('ArrowUp');
  await chat.page.locator('#intent').waitFor();
  await chat.say('of Bob, edited');
  await chat.log.locator('.state', { hasText: 'you need a link with a token' }).waitFor();
  const next = await enter(writer, key.token({ name: 'Bob', sub: 'b' }));
  await next.says('of Bob, edited');
  await next.log.locator('.edited').waitFor();
  await chat.log.locator('.edited').waitFor();
});

test('an outbox that an earlier version of the page has stored is sent', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  await chat.page.evaluate(() => localStorage.setItem('sse-chat.outbox.old', JSON.stringify({
    until: 0, letters: [{ client_id: 'a'.repeat(32), room: 'lobby', name: 'Alice', text: 'stored', at: Date.now(), tried: false, refusal: null }],
  })));
  await chat.page.reload();
  await chat.has('#log .own .text', 'stored');
});

test('a menu follows its message when others come, and closes when it is out of sight', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  for (let number = 1; number <= 30; number += 1) await say(server, 'Carol', `line ${number}`);
  const chat = await person.open(server.url, 'Alice');
  await rowOf(chat, 'line 30').hover();
  await rowOf(chat, 'line 30').locator('.more').click();
  const menu = chat.page.locator('.menu');
  await menu.waitFor();
  for (const text of ['meanwhile', 'and more']) await say(server, 'Carol', text);
  await chat.log.getByText('and more').waitFor();
  await chat.page.waitForFunction(() => {
    const [opener, menu] = [document.querySelector('[aria-expanded=true].more'), document.querySelector('.menu')].map((element) => element.getBoundingClientRect());
    return Math.abs(menu.right - opener.right) < 2 && (Math.abs(menu.top - opener.bottom) < 2 || Math.abs(menu.bottom - opener.top) < 2);
  });
  await chat.page.evaluate(() => { document.getElementById('scroller').scrollTop = 0; });
  await menu.waitFor({ state: 'detached' });
  person.hadNothingToComplainOf();
});
