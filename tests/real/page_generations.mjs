// The page over a stored history: of several generations, where a server starts again
// and begins another one, with all entries or without the last ones; and longer than
// what memory holds.

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';

import { LIMIT, Person, QUICK } from './browser.mjs';
import { Server } from './server.mjs';

const NEXT = '--new-generation';

/** A server with a store of its own; `copy` and `back` keep and restore the store while it is down. */
async function arrange(t, ...flags) {
  const folder = mkdtempSync(join(tmpdir(), 'sse-chat-data-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const [data, kept] = [join(folder, 'data'), join(folder, 'kept')];
  const server = await Server.start(t, ...QUICK, '--data', data, ...flags);
  const copy = () => cpSync(data, kept, { recursive: true });
  const back = () => {
    rmSync(data, { recursive: true });
    cpSync(kept, data, { recursive: true });
  };
  return { server, copy, back };
}

/** Scrolls back until message 1 is loaded. */
const scrollToFirst = (chat) => chat.page.waitForFunction(() => {
  const scroller = document.getElementById('scroller');
  scroller.scrollTop = scroller.scrollTop === 0 ? 1 : 0;
  return [...document.querySelectorAll('#log .text')].some(({ textContent }) => textContent === 'message 1');
});

/** The epochs of what a room holds. */
async function epochs(server) {
  const ids = (await server.said('lobby')).map(({ id }) => id.split('-')[0]);
  return [...new Set(ids)];
}

test('a page goes on in the next generation without a gap, and shows nothing twice', LIMIT, async (t) => {
  const { server } = await arrange(t);
  await server.say('lobby', 'Carol', 'one');
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  await chat.says('one');
  await chat.say('two');
  await chat.says('one', 'two');
  await server.kill();
  await chat.is('waiting');
  await server.startAgain(NEXT);
  await chat.is('live');
  await server.say('lobby', 'Carol', 'three');
  await chat.say('four');
  await chat.says('one', 'two', 'three', 'four');
  assert.equal((await epochs(server)).length, 2);
  assert.equal(await chat.page.locator('#log .gap').count(), 0);
  await chat.page.reload();
  await chat.is('live');
  await chat.says('one', 'two', 'three', 'four');
  await chat.has('#log .own .text', 'two', 'four');
  assert.equal(await chat.page.locator('#log .gap').count(), 0);
  person.hadNothingToComplainOf({ netFailures: true });
});

test('older messages are loaded over generations', LIMIT, async (t) => {
  const { server } = await arrange(t);
  const all = Array.from({ length: 140 }, (_, at) => `message ${at + 1}`);
  for (const text of all.slice(0, 65)) await server.say('lobby', 'Carol', text);
  await server.kill();
  await server.startAgain(NEXT);
  for (const text of all.slice(65)) await server.say('lobby', 'Carol', text);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  await chat.log.getByText('message 140', { exact: true }).waitFor();
  await scrollToFirst(chat);
  await chat.says(...all);
  assert.equal(await chat.page.locator('#log .gap').count(), 0);
  person.hadNothingToComplainOf();
});

test('a page scrolls back and searches through what only the disk holds', LIMIT, async (t) => {
  const { server } = await arrange(t, '--history', '30', '--data-history', '10000');
  const all = Array.from({ length: 260 }, (_, at) => `message ${at + 1}`);
  for (const text of all) await server.say('lobby', 'Carol', text);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  await chat.log.getByText('message 260', { exact: true }).waitFor();
  await scrollToFirst(chat);
  await chat.says(...all);
  await chat.page.locator('#open-search').click();
  await chat.page.locator('#search').fill('message 199');
  await chat.has('#found', '1 found · all 260 messages searched');
  assert.equal(await chat.page.locator('#log .gap').count(), 0);
  person.hadNothingToComplainOf();
});

test('only what came in the next generation is unread, and a mention keeps its badge', LIMIT, async (t) => {
  const { server } = await arrange(t);
  for (const text of ['one', 'two', 'three']) await server.say('lobby', 'Carol', text);
  const person = await Person.arrive(t);
  let chat = await person.open(server.url, 'Alice');
  await chat.says('one', 'two', 'three');
  await chat.join('garden');
  const lobby = () => chat.rooms.filter({ hasText: 'lobby' });
  await server.say('lobby', 'Carol', 'hello @Alice');
  await lobby().getByText('1 mention').waitFor({ state: 'attached' });
  await server.kill();
  await chat.is('waiting');
  await server.startAgain(NEXT);
  await chat.is('live');
  await server.say('lobby', 'Carol', 'five');
  await lobby().getByText('2 unread').waitFor({ state: 'attached' });
  await lobby().getByText('1 mention').waitFor({ state: 'attached' });
  // A page that begins now knows the same.
  await chat.page.close();
  chat = await person.open(`${server.url}/r/garden`);
  await lobby().getByText('2 unread').waitFor({ state: 'attached' });
  await lobby().getByText('1 mention').waitFor({ state: 'attached' });
  person.hadNothingToComplainOf({ netFailures: true });
});

test('what the server has lost stays before a gap, and new messages follow', LIMIT, async (t) => {
  const { server, copy, back } = await arrange(t);
  for (const text of ['one', 'two']) await server.say('lobby', 'Carol', text);
  await server.kill('SIGTERM');
  copy();
  await server.startAgain();
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  await server.say('lobby', 'Carol', 'lost');
  await chat.says('one', 'two', 'lost');
  await server.kill();
  await chat.is('waiting');
  back();
  await server.startAgain(NEXT);
  await chat.is('live');
  await chat.has('#log .gap', 'Messages may be missing: the server restarted.');
  for (const text of ['three', 'four']) await server.say('lobby', 'Carol', text);
  await chat.says('one', 'two', 'lost', 'three', 'four');
  assert.equal(await chat.page.locator('#log .gap').count(), 1);
  await chat.page.reload();
  await chat.is('live');
  await chat.says('one', 'two', 'three', 'four');
  assert.equal(await chat.page.locator('#log .gap').count(), 0);
  person.hadNothingToComplainOf({ netFailures: true });
});
