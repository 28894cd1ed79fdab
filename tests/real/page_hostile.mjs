// The chat page against what is made to break it: stored data of any form, answers
// to messages that do not exist, and files that are not those of the page.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Chat, LIMIT, Person, QUICK, until } from './browser.mjs';
import { HttpProxy } from './http_proxy.mjs';
import { Server } from './server.mjs';

/** An object that can't be converted. */
const OBJECT = { toString: 1, valueOf: 1 };
const SENT = { id: 'x-1', room: 'lobby', number: 1, name: 'Mallory', message: 'stored', created_at: '2026-01-01T00:00:00Z' };

/** Values of each key that the page stores, by what they try. @type {Record<string, Record<string, unknown>>} */
const STORED = {
  null: Object.fromEntries(['own', 'reacted', 'rooms', 'left', 'session', 'alerted', 'emoji', 'theme', 'comings', 'draft.lobby', 'outbox.abc', 'kept.lobby'].map((key) => [key, null])),
  'other types': {
    own: [null, OBJECT], reacted: [OBJECT], rooms: [null, 5, { name: OBJECT }, { name: 'lobby', since: OBJECT, mentions: OBJECT, counted: OBJECT, read: { id: 'x', number: 'x' } }],
    left: { lobby: OBJECT }, alerted: { lobby: 5 }, theme: 'x', language: OBJECT, emoji: [OBJECT], 'draft.lobby': { a: null, b: { text: 5 } }, 'kept.lobby': { messages: [OBJECT] },
  },
  outboxes: {
    'outbox.a': { until: OBJECT, letters: [null, { client_id: 'a', room: 'lobby', text: 'x', at: OBJECT, name: OBJECT, refusal: { code: OBJECT, detail: OBJECT } }] },
    'outbox.b': { until: 0, letters: { length: 1 }, changes: [{ kind: OBJECT, client_id: 'b', room: 'lobby', text: '' }] },
  },
  session: { session: { name: OBJECT, until: OBJECT, write: OBJECT, since: OBJECT } },
};

/** A user whose browser has stored this. The server is not reached if it is blocked. */
async function withStored(t, server, stored, isBlocked = false) {
  const person = await Person.arrive(t);
  await person.context.addInitScript((stored) => {
    if (location.protocol === 'about:' || sessionStorage.length > 0) return;
    for (const [key, value] of Object.entries(stored)) localStorage.setItem(`sse-chat.${key}`, JSON.stringify(value));
  }, { name: 'Alice', ...stored });
  if (isBlocked) await person.context.route('**/rooms/**', (route) => route.abort());
  const chat = new Chat(await person.context.newPage());
  await chat.page.goto(server.url);
  return { person, chat };
}

for (const [what, stored] of Object.entries(STORED)) {
  test(`the page starts and sends with what is stored: ${what}`, LIMIT, async (t) => {
    const server = await Server.start(t, ...QUICK);
    const { person, chat } = await withStored(t, server, stored);
    await chat.is('live');
    await chat.say('hello');
    await chat.log.locator('.text', { hasText: 'hello' }).waitFor();
    assert.equal(await chat.page.locator('html').getAttribute('data-theme'), null);
    person.hadNothingToComplainOf({ netFailures: true });
  });
}

test('of stored messages, those of another form are left out', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const broken = [{ reactions: 5 }, { reactions: [null] }, { reactions: [{ emoji: 'x', count: 1, names: [OBJECT] }] }, { edited_at: 'x' }, { reply_to: 5 }, { created_at: OBJECT }];
  const messages = [...broken.map((part, at) => ({ ...SENT, id: `x-${at + 2}`, ...part })), SENT];
  const { person, chat } = await withStored(t, server, { 'kept.lobby': { at: Date.now() - 1_000, session: '', messages } }, true);
  await chat.has('#log.kept .text', 'stored');
  person.hadNothingToComplainOf({ netFailures: true });
});

/** Publishes a message of another person. */
async function say(server, message, more = {}) {
  const response = await fetch(`${server.url}/rooms/lobby/messages`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ name: 'Mallory', message, ...more }),
  });
  assert.equal(response.status, 201);
  return response.json();
}

test('an answer to what can be no message says that it is not available', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const [epoch] = (await say(server, 'first')).id.split('-');
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  const ids = [`${epoch}-0`, `${epoch}-18446744073709551615`, `${epoch}-9999`, 'zzz-5', '0-0', `${epoch}-7`];
  // The last one answers itself.
  for (const id of ids) await say(server, 'to nothing', { reply_to: id });
  await chat.has('#log .answered:disabled', ...ids.slice(0, 5).map(() => 'In reply to This message is no longer available'));
  await chat.page.locator('#log .answered').last().click();
  await chat.say('hello');
  await chat.log.locator('.own', { hasText: 'hello' }).waitFor();
  person.hadNothingToComplainOf({ netFailures: true });
});

test('the quote of an answer is asked for again when the rate allows it', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const old = await say(server, 'an old one');
  for (let number = 0; number < 250; number += 1) await say(server, `number ${number}`);
  await say(server, 'an answer', { reply_to: old.id });
  const person = await Person.arrive(t);
  let asked = 0;
  await person.context.route(/messages\?.*limit=1$/, (route) => {
    asked += 1;
    return asked === 1 ? route.fulfill({ status: 429, headers: { 'retry-after': '1' }, json: { code: 'rate_limited' } }) : route.continue();
  });
  const chat = await person.open(server.url, 'Alice');
  await chat.log.locator('.answered', { hasText: 'an old one' }).waitFor();
  assert.equal(asked, 2);
  person.hadNothingToComplainOf({ netFailures: true });
});

test('a message that is deleted while it is answered or edited: its quote goes, and no text is lost', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const edit_key = 'abcdefghijklmnop';
  const remove = async ({ id }) => assert.equal((await fetch(`${server.url}/rooms/lobby/messages/${id}`, { method: 'DELETE', headers: { 'edit-key': edit_key } })).status, 204);
  const person = await Person.arrive(t);
  await person.context.addInitScript((key) => location.protocol !== 'about:' && localStorage.setItem('sse-chat.edit_key', JSON.stringify(key)), edit_key);
  const chat = await person.open(server.url, 'Alice');
  const secret = await say(server, 'a secret', { edit_key });
  await chat.log.locator('.message', { hasText: 'a secret' }).hover();
  await chat.log.locator('.reply').click();
  await chat.message.fill('my answer');
  await chat.has('#intent .answered-text', 'a secret');
  await remove(secret);
  await chat.page.locator('#intent').waitFor({ state: 'hidden' });
  assert.equal(await chat.message.inputValue(), 'my answer');
  await chat.message.press('Enter');
  await chat.has('#log .own .text', 'my answer');
  const mine = (await server.said('lobby')).at(-1);
  assert.equal(mine.reply_to, undefined);
  await chat.message.press('ArrowUp');
  await chat.page.locator('#intent').waitFor();
  await chat.message.fill('a long edit');
  await server.kill();
  await chat.message.press('Enter');
  await chat.page.locator('#log .state').waitFor();
  await server.startAgain();
  await chat.has('#notice > span', 'The message is no longer there, so the edit was not saved.');
  await chat.page.locator('#notice').getByRole('button', { name: 'Copy text' }).waitFor();
  assert.deepEqual(person.complaints.filter((text) => !/^Failed to load resource/.test(text)), []);
});

test('files of a proxy that wants a login are not those of the page, neither now nor without a network', LIMIT, async (t) => {
  const assets = process.env.SSE_CHAT_ASSETS_DIR ?? new URL('../../assets', import.meta.url).pathname;
  const server = await Server.start(t, ...QUICK, '--assets-dir', assets);
  const proxy = await HttpProxy.start(t, server.host);
  const person = await Person.arrive(t, { serviceWorkers: 'allow' });
  const chat = await person.open(proxy.url, 'Alice');
  await until(chat.page, async () => {
    const registration = await navigator.serviceWorker.getRegistration();
    return registration?.active && await caches.match(`${registration.scope}r/lobby`) !== undefined;
  });
  const FILE = /^GET \/assets\/.*(settings\.json|\.js|\.css)$/;
  proxy.answer(FILE, { status: 200, type: 'text/html', body: '<!doctype html><p>Log in</p>' }, Infinity);
  await chat.page.reload();
  await chat.is('live');
  await server.kill();
  await chat.page.reload();
  await chat.is('waiting');
  await chat.page.locator('#message').waitFor();
});
