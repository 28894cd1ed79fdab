// The chat page in Debian's WebKitGTK, by WebDriver: what is laid out and read
// differently there than in Chromium.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import test, { after, before } from 'node:test';

import { DEADLINE_MS, Server, within } from './server.mjs';

const LIMIT = { timeout: 180_000 };
/** How often something that is awaited is looked at. */
const LOOK_MS = 50;
const [binary] = fs.readdirSync('/usr/lib').map((folder) => `/usr/lib/${folder}/webkit2gtk-4.1/MiniBrowser`).filter((path) => fs.existsSync(path));

let display;
let driver;

before(async () => {
  assert(binary, 'MiniBrowser is missing: install webkit2gtk-driver');
  const screen = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1280x800x24', '-nolisten', 'tcp'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  display = screen;
  const [number] = await within(once(screen.stdio[3], 'data'), 'a display of Xvfb');
  driver = new Driver(await freePort(), `:${String(number).trim()}`);
  await driver.start();
});
after(async () => {
  driver?.stop();
  display?.kill();
});

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

class Driver {
  #child;

  constructor(port, screen) {
    this.port = port;
    this.screen = screen;
  }

  async start() {
    this.#child = spawn('WebKitWebDriver', [`--port=${this.port}`, '--host=127.0.0.1'], {
      stdio: 'ignore',
      env: { ...process.env, DISPLAY: this.screen, NO_AT_BRIDGE: '1', GTK_A11Y: 'none', LIBGL_ALWAYS_SOFTWARE: '1', GDK_BACKEND: 'x11' },
    });
    // The driver does not report when it listens.
    const deadline = Date.now() + DEADLINE_MS;
    while (!await this.ask('GET', '/status').catch(() => null)) {
      assert(Date.now() < deadline, 'WebKitWebDriver does not answer');
      await new Promise((done) => { setTimeout(done, LOOK_MS); });
    }
  }

  stop() {
    this.#child?.kill();
  }

  async ask(method, path, body) {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`${path}: ${value?.error}: ${value?.message}`);
    return value;
  }
}

/** A user with the chat page. */
class Person {
  static async arrive(t, url, name) {
    const person = new Person();
    const { sessionId } = await driver.ask('POST', '/session', {
      capabilities: { alwaysMatch: { 'webkitgtk:browserOptions': { binary, args: ['--automation'] } } },
    });
    person.session = `/session/${sessionId}`;
    t.after(() => driver.ask('DELETE', person.session));
    await driver.ask('POST', `${person.session}/timeouts`, { script: DEADLINE_MS });
    await driver.ask('POST', `${person.session}/url`, { url });
    await person.until(() => document.documentElement.dataset.connection === 'live', 'the connection');
    await person.type('#name', `${name}\ue007`);
    await person.until(() => document.getElementById('message').offsetHeight > 0, 'the message box');
    return person;
  }

  /** Runs a function in the page. */
  run(work, ...args) {
    return driver.ask('POST', `${this.session}/execute/sync`, { script: `return (${work})(...arguments)`, args });
  }

  /** Resolves once a condition holds, which is polled in the page. */
  async until(condition, what, ...args) {
    await driver.ask('POST', `${this.session}/execute/async`, {
      script: `const done = arguments[arguments.length - 1];
        const args = [...arguments].slice(0, -1);
        (function look() { (${condition})(...args) ? done(true) : setTimeout(look, ${LOOK_MS}); })();`,
      args,
    }).catch((error) => { throw new Error(`not in time: ${what} (${error.message})`); });
  }

  async type(selector, text) {
    const element = await driver.ask('POST', `${this.session}/element`, { using: 'css selector', value: selector });
    await driver.ask('POST', `${this.session}/element/${Object.values(element)[0]}/value`, { text });
  }

  says(...texts) {
    return this.until((texts) => JSON.stringify([...document.querySelectorAll('#log .text')].map(({ textContent }) => textContent)) === texts,
      `the log says ${texts}`, JSON.stringify(texts));
  }
}

test('WebKit: what is typed is said, links and names are found', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t, server.url, 'José');
  await person.type('#message', 'hello\ue007');
  await person.says('hello');
  assert.equal(await person.run(() => document.querySelectorAll('#log .own').length), 1);
  await server.say('lobby', 'Carol', 'https://müller.example/x_ @Jose\u0301');
  await person.until(() => document.querySelectorAll('#log .text').length === 2, 'the second message');
  assert.deepEqual(
    await person.run(() => [document.querySelector('#log a').href, document.querySelector('#log .mention').textContent.normalize('NFC')]),
    ['https://xn--mller-kva.example/x_', '@José'],
  );
});

test('WebKit: the message box is as high as its wrapped text', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t, server.url, 'Alice');
  const height = () => person.run(() => document.getElementById('message').offsetHeight);
  const one = await height();
  await person.type('#message', 'wrapped text '.repeat(30));
  assert(await height() > 1.8 * one, `${await height()} px, one line is ${one} px`);
  assert.equal(await person.run(() => {
    const box = document.getElementById('message');
    return box.scrollHeight - box.clientHeight;
  }), 0);
  await person.type('#message', '\ue007');
  await person.until((one) => document.getElementById('message').offsetHeight === one, 'one line again', one);
});

test('WebKit: each line stands on the side of its own first strong letter', LIMIT, async (t) => {
  const server = await Server.start(t);
  await server.say('lobby', 'Carol', 'Hello\nשלום לך\nمرحبا\nbye');
  await server.say('lobby', 'Carol', 'שלום');
  const person = await Person.arrive(t, server.url, 'Alice');
  await person.until(() => document.querySelectorAll('#log .text').length === 2, 'two messages');
  const sides = await person.run(() => [...document.querySelectorAll('#log .text')].flatMap((text) => {
    const node = text.firstChild;
    const box = text.getBoundingClientRect();
    let from = 0;
    return node.data.split('\n').map((line) => {
      const range = document.createRange();
      range.setStart(node, from);
      range.setEnd(node, from + line.length);
      from += line.length + 1;
      const { left, right } = range.getBoundingClientRect();
      return left - box.left < 2 ? 'left' : box.right - right < 2 ? 'right' : 'between';
    });
  }));
  assert.deepEqual(sides, ['left', 'right', 'right', 'left', 'right']);
});
