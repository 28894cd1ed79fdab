// The chat page without a network: the service worker, and what is stored of rooms.

import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';

import { LIMIT, Person, QUICK, until } from './browser.mjs';
import { BEHIND, Front, SITE } from './front.mjs';
import { HttpProxy } from './http_proxy.mjs';
import { Proxy } from './proxy.mjs';
import { Server } from './server.mjs';
import { TokenKey } from './tokens.mjs';

const ALLOWED = { serviceWorkers: 'allow' };
const ASSETS = process.env.SSE_CHAT_ASSETS_DIR ?? new URL('../../assets', import.meta.url).pathname;

/** Resolves once the service worker has cached the page, and with it all of its files. */
const installed = (chat, text = '') => until(chat.page, async (text) => {
  const registration = await navigator.serviceWorker.getRegistration();
  if (!registration?.active) return false;
  const [page, room] = [await caches.match(registration.scope), await caches.match(`${registration.scope}r/lobby`)];
  // The files come first, and these two are not written at the same moment.
  for (const kept of [page, room]) if (!(await kept?.text())?.includes(text)) return false;
  return true;
}, text);

/** The rooms of which messages are stored. */
const kept = (chat) => chat.page.evaluate(() => Object.keys(localStorage).filter((key) => key.startsWith('sse-chat.kept.')).sort());

/** Resolves once the page shows stored messages. */
const isKept = async (chat, ...texts) => {
  await chat.has('#log.kept .text', ...texts);
  await chat.page.locator('#log .as-of').filter({ hasText: /^As of \d/ }).waitFor();
};

test('a reload without a network shows the page, the last messages and what waits, which is sent later', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const proxy = await Proxy.start(t, server.host);
  const person = await Person.arrive(t, ALLOWED);
  const chat = await person.open(proxy.url, 'Alice');
  await chat.join('garden');
  await server.say('garden', 'Carol', 'hello there');
  await chat.says('hello there');
  await installed(chat);
  proxy.block();
  await chat.is('waiting');
  await chat.say('in the tunnel');
  await chat.page.reload();
  await chat.has('h1', 'garden');
  await isKept(chat, 'hello there');
  await chat.has('#outbox .text', 'in the tunnel');
  // Parts that are loaded when they are used, and another room's page.
  await chat.page.locator('#open-settings').click();
  await chat.page.getByRole('button', { name: 'Help' }).click();
  await chat.page.locator('#help-dialog').waitFor();
  await chat.page.goto(`${proxy.url}/r/another`);
  await chat.has('h1', 'another');
  await chat.page.goto(`${proxy.url}/r/garden`);
  await isKept(chat, 'hello there');
  proxy.unblock();
  await chat.is('live');
  await chat.says('hello there', 'in the tunnel');
  assert.equal(await chat.page.locator('.kept, .as-of').count(), 0);
  assert.deepEqual((await server.said('garden')).map(({ message }) => message), ['hello there', 'in the tunnel']);
  person.hadNothingToComplainOf({ netFailures: true });
});

test('a proxy without its server, and a network without an answer, lead to the cached page', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const tunnel = await Proxy.start(t, server.host);
  const proxy = await HttpProxy.start(t, new URL(tunnel.url).host);
  const person = await Person.arrive(t, ALLOWED);
  const chat = await person.open(proxy.url, 'Alice');
  await server.say('lobby', 'Carol', 'hello there');
  await chat.says('hello there');
  await installed(chat);
  proxy.answer(/^/, { status: 502, body: 'no server' });
  await chat.page.reload();
  await isKept(chat, 'hello there');
  proxy.behave();
  tunnel.enterTunnel();
  await chat.page.reload();
  await isKept(chat, 'hello there');
  tunnel.leaveTunnel();
  await chat.is('live');
  await chat.says('hello there');
});

test('another version of the page is there at the next load, and then without a network', LIMIT, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sse-chat-page-'));
  t.after(() => rm(folder, { recursive: true }));
  await cp(ASSETS, folder, { recursive: true });
  const change = async (file, from, to) => {
    const text = await readFile(join(folder, file), 'utf8');
    assert(text.includes(from), `${file} has ${from}`);
    await writeFile(join(folder, file), text.replace(from, to));
  };
  const server = await Server.start(t, ...QUICK);
  // Not another service worker: while Chromium exchanges it, it may ask the network for cached files.
  await writeFile(join(folder, 'service_worker.js'), await (await fetch(`${server.url}/assets/service_worker.js`)).text());
  const person = await Person.arrive(t, ALLOWED);
  const chat = await person.open(server.url, 'Alice');
  await installed(chat);
  await server.kill();
  for (const edition of ['second', 'third']) {
    // Of the page, and of a text that a script has.
    await change('index.html', edition === 'second' ? '<html lang' : '<html data-edition="second" lang', `<html data-edition="${edition}" lang`);
    await change('words/words_en.js', edition === 'second' ? "rooms: 'Rooms'" : "rooms: 'second'", `rooms: '${edition}'`);
    await server.startAgain(...edition === 'second' ? ['--assets-dir', folder] : []);
    await chat.page.reload();
    await chat.has('.side-head [data-word=rooms]', edition);
    assert.equal(await chat.page.locator('html').getAttribute('data-edition'), edition);
    await chat.is('live');
    await installed(chat, `data-edition="${edition}"`);
    await server.kill();
    await chat.page.reload();
    await chat.has('.side-head [data-word=rooms]', edition);
    assert.equal(await chat.page.locator('html').getAttribute('data-edition'), edition);
  }
});

test('the page works without a network below a path', LIMIT, async (t) => {
  const server = await Server.start(t, ...BEHIND, ...QUICK);
  const front = await Front.start(t, 'nginx', server, { below: '/chat/' });
  const person = await Person.arrive(t, ALLOWED);
  const url = `https://${SITE}:${front.ports.https}/chat/`;
  const chat = await person.open(`${url}r/garden`, 'Alice');
  await server.say('garden', 'Carol', 'hello there');
  await chat.says('hello there');
  await installed(chat);
  assert.equal(await chat.page.evaluate(async () => (await navigator.serviceWorker.ready).scope), url);
  await server.kill();
  await chat.page.reload();
  await isKept(chat, 'hello there');
  await chat.page.goto(url);
  await chat.has('h1', 'lobby');
});

test('when its script is withdrawn, the service worker is gone after the next load', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const proxy = await HttpProxy.start(t, server.host);
  const person = await Person.arrive(t, ALLOWED);
  const chat = await person.open(proxy.url, 'Alice');
  await installed(chat);
  proxy.answer(/service_worker\.js/, { status: 404, body: '' });
  await chat.page.reload();
  await until(chat.page, async () => !await navigator.serviceWorker.getRegistration() && (await caches.keys()).length === 0);
  await chat.is('live');
  await chat.page.reload();
  await chat.is('live');
  assert.equal(await chat.page.evaluate(() => navigator.serviceWorker.controller), null);
});

test('stored messages go with their room, when they are deleted, and in a flood stay few', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  await chat.say('from the lobby');
  await chat.says('from the lobby');
  await chat.join('garden');
  for (let n = 0; n < 30; n += 1) await server.say('garden', 'Carol', `${n} ${'x'.repeat(3_000)}`);
  await chat.log.getByText(/^29 x/).waitFor();
  await server.say('lobby', 'Carol', 'later');
  await chat.hide(true);
  assert.deepEqual(await kept(chat), ['sse-chat.kept.garden', 'sse-chat.kept.lobby']);
  const length = await chat.page.evaluate(() => localStorage.getItem('sse-chat.kept.garden').length);
  assert(length > 30_000 && length < 41_000, `${length} characters`);
  await chat.hide(false);
  await chat.rooms.filter({ hasText: 'lobby' }).click();
  await chat.says('from the lobby', 'later');
  await chat.rooms.filter({ hasText: 'garden' }).click();
  await chat.page.getByRole('button', { name: 'Leave garden' }).click();
  await chat.has('h1', 'lobby');
  await chat.hide(true);
  assert.deepEqual(await kept(chat), ['sse-chat.kept.lobby']);
  // A message that is deleted while the page is not looked at.
  await chat.hide(false);
  await chat.join('notes');
  const key = 'a-key-of-this-test';
  const note = await (await fetch(`${server.url}/rooms/notes/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'Carol', message: 'a slip', edit_key: key }),
  })).json();
  await chat.says('a slip');
  await chat.hide(true);
  const stored = () => chat.page.evaluate(() => localStorage.getItem('sse-chat.kept.notes') ?? '');
  assert.match(await stored(), /a slip/);
  const deleted = await fetch(`${server.url}/rooms/notes/messages/${note.id}`, { method: 'DELETE', headers: { 'edit-key': key } });
  assert(deleted.ok, String(deleted.status));
  await chat.page.waitForFunction(() => !(localStorage.getItem('sse-chat.kept.notes') ?? '').includes('a slip'), null, { polling: 50 });
  person.hadNothingToComplainOf();
});

test('what was read in a session is removed with it', LIMIT, async (t) => {
  const key = await TokenKey.make(t);
  const server = await Server.start(t, '--token-key', key.file, ...QUICK);
  const person = await Person.arrive(t);
  const open = async (claims) => {
    const page = await person.context.newPage();
    await page.goto(`${server.url}/r/garden#token=${key.token(claims)}`);
    await page.getByRole('button', { name: 'Start session' }).click();
    await page.waitForFunction(() => document.documentElement.dataset.connection === 'live');
    return page;
  };
  const storedIn = (page) => page.evaluate(() => JSON.stringify(localStorage));
  const hide = (page) => page.evaluate(() => {
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => 'hidden' });
    document.dispatchEvent(new Event('visibilitychange'));
  });
  const page = await open({ name: 'Ada' });
  await page.locator('#message').fill('for our eyes only');
  await page.locator('#message').press('Enter');
  await page.locator('#log .own').waitFor();
  await page.waitForFunction(() => document.getElementById('outbox').childElementCount === 0);
  await hide(page);
  assert.match(await storedIn(page), /for our eyes only/);
  await page.locator('#open-settings').click();
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.waitForFunction(() => document.documentElement.dataset.connection === 'closed');
  await hide(page);
  await page.reload();
  await page.waitForFunction(() => document.documentElement.dataset.connection === 'closed');
  assert.doesNotMatch(await storedIn(page), /for our eyes only/);
  assert.equal(await page.locator('#log .text').count(), 0);
});
