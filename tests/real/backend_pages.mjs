// The pages of docs/backend.md in Debian's Chromium: htmx 2 and 4, Turbo and
// EventSource get each event once and in order, across cuts, with a cookie behind
// nginx and with tickets from another origin.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';

import { LIMIT, Person, QUICK } from './browser.mjs';
import { BEHIND, Front, SITE } from './front.mjs';
import { freePorts } from './ports.mjs';
import { Proxy } from './proxy.mjs';
import { Server, within } from './server.mjs';
import { snippetFolder, snippets } from './snippets.mjs';

const MODULES = new URL('node_modules/', import.meta.url);
/** What the application serves below /js/ from npm. */
const LIBRARIES = {
  'htmx.min.js': 'htmx.org/dist/htmx.min.js',
  'sse.min.js': 'htmx-ext-sse/dist/sse.min.js',
  'htmx4.min.js': 'htmx4/dist/htmx.min.js',
  'hx-sse.min.js': 'htmx4/dist/ext/hx-sse.min.js',
  'turbo.es2017-esm.js': '@hotwired/turbo/dist/turbo.es2017-esm.js',
};

const blocks = await snippets();
const item = (text) => `<li>${text}</li>`;
/** A payload with another text than in the document. */
const turboStream = (text) => blocks.get('turbo-stream.html').replace('Build 7 is live', text);
const json = (text) => JSON.stringify({ title: text });

/** The application: it serves the pages, and gives its user tokens and tickets. */
class Application {
  /** How often there was a request. @type {Record<string, number>} */
  asked = {};
  /** Seconds for which the next token or ticket is good. */
  seconds = 3600;

  /** @param {string} [chat] where sse-chat is, in place of https://chat.example.org */
  static async start(t, server, key, { port = 0, chat = () => '' } = {}) {
    const app = new Application();
    const folder = await snippetFolder(t, ['sse_chat.mjs', 'render.mjs'], key);
    const before = process.cwd();
    process.env.SSE_CHAT_URL = server.url;
    process.chdir(folder);
    app.backend = await import(pathToFileURL(join(folder, 'sse_chat.mjs')).href);
    app.views = await import(pathToFileURL(join(folder, 'render.mjs')).href);
    process.chdir(before);
    app.chat = chat;
    const http = createServer((request, response) => app.#answer(request, response));
    http.listen(port, '127.0.0.1');
    await once(http, 'listening');
    t.after(() => http.close());
    t.after(() => http.closeAllConnections());
    app.port = http.address().port;
    return app;
  }

  async #answer(request, response) {
    const what = `${request.method} ${request.url}`;
    this.asked[what] = (this.asked[what] ?? 0) + 1;
    try {
      const [type, text] = await this.#page(what);
      response.writeHead(text === undefined ? 404 : 200, { 'content-type': type }).end(text);
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  }

  /** The type and text of an answer. @param {string} what */
  async #page(what) {
    const { token, ticket } = this.backend;
    const seconds = this.seconds;
    const name = what.split('/').at(-1);
    switch (what) {
      case 'GET /favicon.ico': return ['image/x-icon', ''];
      case 'GET /empty': return ['text/html', '<!doctype html><title>empty</title>'];
      case 'GET /news': return ['text/html', await this.views.newsPage()];
      case 'POST /stream-token':
        this.seconds = 3600;
        return ['text/plain', await token({ read: ['news'] }, seconds)];
      case 'POST /stream-ticket':
        this.seconds = 3600;
        return ['text/plain', seconds === 3600 ? await ticket(['news']) : await this.#shortTicket(seconds)];
    }
    if (name in LIBRARIES) return ['text/javascript', await readFile(new URL(LIBRARIES[name], MODULES))];
    const type = name.endsWith('.js') ? 'text/javascript' : 'text/html';
    return [type, blocks.get(name)?.replace('https://chat.example.org', this.chat())];
  }

  async #shortTicket(seconds) {
    const { server, token } = this.backend;
    const authorization = `Bearer ${await token({ read: ['news'] }, seconds)}`;
    const response = await fetch(`${server}/tickets`, { method: 'POST', headers: { authorization } });
    return (await response.json()).ticket;
  }
}

/** A server with a new key. */
async function startServer(t, ...flags) {
  const key = randomBytes(32).toString('base64url');
  const folder = await snippetFolder(t, [], key);
  const server = await Server.start(t, ...QUICK, '--token-key', join(folder, 'key'), ...flags);
  return { server, key };
}

/** The texts of the items on a page, once there are `count`. */
async function items(page, count) {
  const item = page.locator('li');
  await within(item.nth(count - 1).waitFor({ state: 'attached' }), `item ${count}`, 60_000);
  return item.allTextContents();
}

/**
 * Publishes live, while the stream is cut, and after it; the page shows each once.
 * @param {{cut: () => void | Promise<void>, mend: () => void}[]} cuts
 */
async function check(page, publish, cuts) {
  const said = [];
  const say = async (text) => {
    said.push(text);
    await publish(text);
  };
  await say('first');
  await items(page, 1);
  for (const { cut, mend } of cuts) {
    await say(`live ${said.length}`);
    await items(page, said.length);
    const tries = page.waitForRequest(/\/events/, { timeout: 60_000 });
    await cut();
    for (let number = 0; number < 3; number += 1) await say(`missed ${said.length}`);
    await tries;
    await mend();
    await say(`after ${said.length}`);
    assert.deepEqual(await items(page, said.length), said);
  }
}

/** nginx by the document's lines, before the application and sse-chat. */
async function startSite(t) {
  const { server, key } = await startServer(t, ...BEHIND);
  const proxy = await Proxy.start(t, server.host);
  const [port] = await freePorts(1);
  const locations = blocks.get('locations.conf').replace('127.0.0.1:3000', `127.0.0.1:${port}`);
  const front = await Front.start(t, 'nginx', { host: new URL(proxy.url).host }, {
    changes: [[/ {8}location \/ \{[^}]*\}\n/, locations]],
  });
  const app = await Application.start(t, server, key, { port });
  const url = `https://${SITE}:${front.ports.https}`;
  const person = await Person.arrive(t);
  const page = await person.context.newPage();
  await page.goto(`${url}/empty`);
  await page.evaluate(async () => {
    const { signIn } = await import('/js/session.js');
    await signIn();
  });
  const cuts = [
    // sse-chat can't be reached: nginx answers, so that EventSource comes back.
    { cut: () => proxy.block(), mend: () => proxy.unblock() },
    { cut: () => front.restart(), mend: () => {} },
  ];
  return { server, app, page, url, cuts, person };
}

const NEWS = { event: 'news', payload: item };
const SAME_ORIGIN = {
  'htmx 2': { path: '/htmx.html', ...NEWS },
  'htmx 4': { path: '/htmx4.html', event: 'message', payload: item },
  Turbo: { path: '/turbo.html', event: 'message', payload: turboStream },
  EventSource: { path: '/news', event: 'message', payload: json },
};

let ids = 0;
/** Publishes as the document's Node module does. */
const publisher = (app, { event, payload }) => (text) => {
  ids += 1;
  return app.backend.publish('news', event, payload(text), `id-${ids}`);
};

for (const [name, kind] of Object.entries(SAME_ORIGIN)) {
  test(`${name} with a cookie behind nginx misses nothing`, LIMIT, async (t) => {
    const { app, page, url, cuts } = await startSite(t);
    const [cookie] = await page.context().cookies();
    assert.equal(cookie.name, '__Host-sse_chat_token');
    assert(cookie.secure && cookie.httpOnly && cookie.sameSite === 'Strict');
    await page.goto(url + kind.path);
    await check(page, publisher(app, kind), cuts);
  });
}

test('a page without a session gets nothing', LIMIT, async (t) => {
  const { app, page, url } = await startSite(t);
  const status = await page.evaluate(async () => {
    await fetch('/chat/session', { method: 'DELETE' });
    return (await fetch('/chat/rooms/news/messages')).status;
  });
  assert.equal(status, 401);
  await page.goto(`${url}/empty`);
  await publisher(app, SAME_ORIGIN.Turbo)('secret');
  const reason = await page.evaluate(() => new Promise((resolve) => {
    const events = new EventSource('/chat/rooms/news/events?backlog=all');
    events.addEventListener('close', ({ data }) => {
      events.close();
      resolve(JSON.parse(data).reason);
    });
  }));
  assert.equal(reason, 'token_required');
});

test('a rendered page goes on from what the server rendered, and drops what is deleted', LIMIT, async (t) => {
  const { server, app, page, url } = await startSite(t);
  const publish = publisher(app, SAME_ORIGIN.EventSource);
  const rendered = await publish('<b>rendered</b>');
  app.seconds = 20;
  // Between the rendering and the stream.
  await page.route('**/js/news.js', async (route) => {
    await publish('between');
    await route.continue();
  });
  await page.goto(`${url}/news`);
  assert.deepEqual(await items(page, 2), ['<b>rendered</b>', 'between']);
  const live = await publish('live');
  assert.equal((await items(page, 3)).at(-1), 'live');
  for (const id of [rendered, live]) {
    const authorization = `Bearer ${await app.backend.token({ moderate: ['news'] })}`;
    const response = await fetch(`${server.url}/rooms/news/messages/${id}`, { method: 'DELETE', headers: { authorization } });
    assert.equal(response.status, 204);
    await page.locator(`[data-id="${id}"]`).waitFor({ state: 'detached' });
  }
  assert.deepEqual(await items(page, 1), ['between']);
  assert.equal((await app.views.newsPage()).match(/<li/g).length, 1);
});

test('a session is renewed before its token expires', LIMIT, async (t) => {
  const { app, page, url } = await startSite(t);
  app.seconds = 20;
  await page.evaluate(async () => (await import('/js/session.js')).signIn());
  const renewed = page.waitForResponse((response) => response.url().endsWith('/chat/session'));
  await page.goto(`${url}/news`);
  assert.equal((await renewed).status(), 204);
  assert.equal(app.asked['POST /stream-token'], 3);
});

/** A page of another site than sse-chat, which is behind a proxy that cuts. */
async function startOtherOrigin(t) {
  const [port] = await freePorts(1);
  const { server, key } = await startServer(t, '--allow-origin', `http://localhost:${port}`);
  const proxy = await Proxy.start(t, server.host);
  const app = await Application.start(t, server, key, { port, chat: () => proxy.url });
  const person = await Person.arrive(t);
  const page = await person.context.newPage();
  const cuts = [{ cut: () => proxy.block(), mend: () => proxy.unblock() }];
  return { app, page, cuts, url: `http://localhost:${port}` };
}

const OTHER_ORIGIN = {
  EventSource: { path: '/ticket.html', event: 'message', payload: json },
  'htmx 2': { path: '/ticket_htmx.html', ...NEWS },
  Turbo: { path: '/ticket_turbo.html', event: 'message', payload: turboStream },
};

for (const [name, kind] of Object.entries(OTHER_ORIGIN)) {
  test(`${name} with tickets from another origin misses nothing`, LIMIT, async (t) => {
    const { app, page, url, cuts } = await startOtherOrigin(t);
    await page.goto(url + kind.path);
    await check(page, publisher(app, kind), [...cuts, ...cuts]);
    assert(app.asked['POST /stream-ticket'] >= 3);
  });
}

test('a stream is replaced before the token of its ticket expires', LIMIT, async (t) => {
  const { app, page, url } = await startOtherOrigin(t);
  app.seconds = 20;
  const first = page.waitForRequest(/\/events/);
  await page.goto(`${url}/ticket.html`);
  await first;
  await page.waitForRequest(/\/events/);
  await check(page, publisher(app, OTHER_ORIGIN.EventSource), []);
  assert.equal(app.asked['POST /stream-ticket'], 2);
});
