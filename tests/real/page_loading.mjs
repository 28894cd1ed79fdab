// What the chat page requests before its first message is visible, and in which order.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Chat, LIMIT, Person } from './browser.mjs';
import { HttpProxy } from './http_proxy.mjs';
import { Server } from './server.mjs';
import { TokenKey } from './tokens.mjs';

const MOST_REQUESTS = 12;
/** The path of a request; of a file its name, without the version. */
const nameOf = (asked) => asked.replace(/^GET (\/assets\/([0-9a-f]{16}|live)\/)?/, '');
/** Whether the page is made of joined scripts, not of the sources. */
const IS_JOINED = !process.env.SSE_CHAT_ASSETS_DIR;

/** A server with a room of messages, behind a proxy. */
async function arrange(t, { room = 'lobby', count = 60, flags = [] } = {}) {
  const server = await Server.start(t, ...flags);
  for (let n = 1; n <= count; n += 1) await server.say(room, 'Ada', `message ${n}`);
  const proxy = await HttpProxy.start(t, server.host);
  return { server, proxy, address: `${proxy.url}/r/${encodeURIComponent(room)}` };
}

function deferred() {
  let resolve = () => {};
  const promise = new Promise((done) => { resolve = done; });
  return { promise, resolve };
}

/** Opens the page without waiting for its connection. */
async function open(person, address) {
  const chat = new Chat(await person.context.newPage());
  await chat.page.goto(address, { waitUntil: 'commit' });
  return chat;
}

test('the first message is there one round trip after the HTML', { ...LIMIT, skip: !IS_JOINED }, async (t) => {
  for (const [locale, words] of [['en-GB', 'words/words_en.js'], ['zh-CN', 'words/words_zh.js']]) {
    const { proxy, address } = await arrange(t, { room: '页-1' });
    const messages = `/rooms/${encodeURIComponent('页-1')}/messages?limit=10`;
    const needed = new Set([words, 'chat.css', 'early.js', 'start.js', messages, '/assets/settings.json']);
    const isAsked = deferred();
    // Nothing but the HTML is answered until all of that is requested, and nothing else until the message is there.
    const seen = deferred();
    proxy.delay(/^GET \/(?!r\/)/, (asked) => {
      if (!needed.has(nameOf(asked))) return seen.promise;
      const names = proxy.asked.map(nameOf);
      if ([...needed].every((name) => names.includes(name))) isAsked.resolve();
      return isAsked.promise;
    });
    const person = await Person.arrive(t, { locale });
    const chat = await open(person, address);
    await chat.log.getByText('message 60', { exact: true }).waitFor();
    assert.equal(await chat.page.locator('#log .text').count(), 10);
    assert(proxy.asked.length <= MOST_REQUESTS, proxy.asked.join('\n'));
    seen.resolve();
    await chat.is('live');
    await chat.has('#log .text', ...Array.from({ length: 50 }, (_, at) => `message ${at + 11}`));
    const twice = proxy.asked.filter((asked, at) => proxy.asked.indexOf(asked) !== at && /messages|assets.*(js|css|json)$/.test(asked));
    assert.deepEqual(twice, []);
    person.hadNothingToComplainOf();
  }
});

test('the rest of the page takes over the rows, and the reader\'s place', LIMIT, async (t) => {
  const { server, proxy, address } = await arrange(t);
  const main = deferred();
  proxy.delay(/\/chat\.js/, () => main.promise);
  const person = await Person.arrive(t);
  const chat = await open(person, address);
  const last = chat.log.getByText('message 60', { exact: true });
  await last.waitFor();
  const row = await last.evaluateHandle((text) => text.closest('li'));
  // Said before the page listens.
  await server.say('lobby', 'Ada', 'meanwhile');
  main.resolve();
  await chat.is('live');
  await chat.log.getByText('meanwhile', { exact: true }).waitFor();
  assert(await row.evaluate((row) => row.isConnected), 'the row was replaced');
  await chat.page.waitForFunction(() => {
    const { scrollHeight, scrollTop, clientHeight } = document.getElementById('scroller');
    return scrollHeight - scrollTop - clientHeight < 2;
  });
  await chat.callMe('Bob');
  await chat.say('hello');
  await chat.log.getByText('hello', { exact: true }).waitFor();
  person.hadNothingToComplainOf();
});

test('nothing is shown early where the page begins with something else', LIMIT, async (t) => {
  const { server, proxy, address } = await arrange(t, { count: 100 });
  const [first] = await server.said('lobby');
  const main = deferred();
  const asked = proxy.next(/\/chat\.js/);
  proxy.delay(/\/chat\.js/, () => main.promise);
  const person = await Person.arrive(t);
  const chat = await open(person, `${address}#${first.id}`);
  await asked;
  await chat.page.evaluate(() => document.readyState === 'complete' || new Promise((done) => { addEventListener('load', done); }));
  assert.equal(await chat.page.locator('#log li').count(), 0);
  main.resolve();
  await chat.log.getByText(first.message, { exact: true }).waitFor();
  person.hadNothingToComplainOf();
});

test('a page whose messages are not for everybody asks for none early', LIMIT, async (t) => {
  const key = await TokenKey.make(t);
  const server = await Server.start(t, '--token-key', key.file);
  const proxy = await HttpProxy.start(t, server.host);
  const person = await Person.arrive(t);
  const chat = await open(person, proxy.url);
  await chat.is('closed');
  assert.equal(proxy.count(/limit=10/), 0);
});
