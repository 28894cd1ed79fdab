// A page like the original demo's, in Debian's Chromium: at the server, and
// behind an nginx that sends HTTP/1.0 to the server, as nginx does by default.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { promisify } from 'node:util';

import { LIMIT, Person, QUICK } from './browser.mjs';
import { BEHIND, Front } from './front.mjs';
import { Server } from './server.mjs';

const SENT = '{"code":0,"msg":"success"}';

/** What differs from docs/proxies/nginx.conf. @type {[string, string][]} */
const HTTP_1_0 = [
  ['proxy_http_version 1.1;', 'proxy_http_version 1.0;'],
  ['proxy_set_header Connection "";', ''],
  ['keepalive 64;', ''],
  // Without TLS, as the demo's own nginx.
  [' ssl http2;', ';'],
  // A 502 would end an EventSource for good. A connection that ends without an answer does not.
  ['location / {', 'error_page 502 504 = @end; location @end { return 444; } location / {'],
];

/** @param {[string, string][]} [changes] further changes to the recipe */
const nginx = (changes = []) => async (t, server) => {
  const front = await Front.start(t, 'nginx', server, { changes: [...HTTP_1_0, ...changes] });
  return { front, url: `http://127.0.0.1:${front.ports.https}` };
};

/** Where the page is opened. */
const WAYS = {
  'at the server': async (_, { url }) => ({ url }),
  'behind nginx over HTTP/1.0': nginx(),
};

/** Sends a message by the demo's line. */
async function curl(url, message) {
  const line = ['--silent', '--max-time', '10', `${url}/send.php?name=Alice&message=${message}`];
  const { stdout } = await promisify(execFile)('curl', line);
  assert.equal(stdout, SENT);
}

/** The demo's page in a browser. */
class Demo {
  #person;
  #page;

  static async open(t, url) {
    const demo = new Demo();
    demo.#person = await Person.arrive(t);
    demo.#page = await demo.#person.context.newPage();
    const body = await readFile(new URL('demo.html', import.meta.url), 'utf8');
    await demo.#page.route('**/demo.html', (route) => route.fulfill({ contentType: 'text/html', body }));
    await demo.#page.goto(`${url}/demo.html`);
    return demo;
  }

  /** Sends a message from the page. */
  async send(message) {
    const path = `send.php?name=Alice&message=${message}`;
    assert.equal(await this.#page.evaluate(async (path) => (await fetch(path)).text(), path), SENT);
  }

  /** Resolves once it shows these messages, the newest first; fails if it shows others, or one twice. */
  async shows(...messages) {
    await this.#page.waitForFunction(
      (count) => document.querySelectorAll('#messages li').length >= count, messages.length,
    );
    const rows = this.#page.locator('#messages li');
    const texts = await rows.allTextContents();
    assert.deepEqual(texts.map((text) => text.replace(/^\S+Z /, '')), messages.map((message) => `Alice: ${message}`));
    const ids = await rows.evaluateAll((list) => list.map((row) => row.dataset.id));
    assert.equal(new Set(ids).size, messages.length);
  }

  /** Resolves when a request for its stream next fails: the answer is cut, or there is none. */
  async streamFails() {
    await this.#page.waitForEvent('requestfailed', (request) => request.url().endsWith('/sse.php'));
  }

  hadNothingToComplainOf() {
    this.#person.hadNothingToComplainOf({ netFailures: true });
  }
}

/** A server, and the page that shows its one message. */
async function start(t, way) {
  const server = await Server.start(t, ...BEHIND, ...QUICK);
  const { front, url } = await way(t, server);
  await curl(url, 'in_history');
  const demo = await Demo.open(t, url);
  await demo.shows('in_history');
  return { server, front, url, demo };
}

for (const [where, way] of Object.entries(WAYS)) {
  test(`the original demo's page works unchanged ${where}`, LIMIT, async (t) => {
    const { url, demo } = await start(t, way);
    await curl(url, 'This_is_Alice');
    await demo.shows('This_is_Alice', 'in_history');
    await demo.send('from_the_page');
    await demo.shows('from_the_page', 'This_is_Alice', 'in_history');
    demo.hadNothingToComplainOf();
  });

  for (const signal of ['SIGKILL', 'SIGTERM']) {
    test(`the original demo's page outlives a restart after ${signal} ${where}`, LIMIT, async (t) => {
      const { server, url, demo } = await start(t, way);
      // The page notices before the server is there again.
      await Promise.all([demo.streamFails(), server.kill(signal)]);
      await server.startAgain();
      await curl(url, 'after_the_restart');
      await demo.shows('after_the_restart', 'in_history');
      await curl(url, 'last');
      await demo.shows('last', 'after_the_restart', 'in_history');
      demo.hadNothingToComplainOf();
    });
  }
}

/** What cuts streams while the server goes on. */
const CUTS = {
  'a timeout of nginx': { way: nginx([['proxy_read_timeout 60s;', 'proxy_read_timeout 1s;']]), cut: async () => {} },
  'a restart of nginx': { way: nginx(), cut: (front) => front.restart() },
};

for (const [what, { way, cut }] of Object.entries(CUTS)) {
  test(`the original demo's page shows each message once after ${what} over HTTP/1.0`, LIMIT, async (t) => {
    const { server, front, demo } = await start(t, way);
    const messages = ['in_history'];
    for (const message of ['first', 'second', 'third']) {
      // Sent to the server directly, since the page is disconnected.
      await Promise.all([demo.streamFails().then(() => curl(server.url, message)), cut(front)]);
      messages.unshift(message);
      await demo.shows(...messages);
    }
    demo.hadNothingToComplainOf();
  });
}
