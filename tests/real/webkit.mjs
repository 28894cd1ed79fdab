// The chat page in Debian's WebKitGTK, by WebDriver.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { after, before } from 'node:test';

import { play } from './engine_scenes.mjs';
import { freePorts } from './ports.mjs';
import { DEADLINE_MS, within } from './server.mjs';

/** How often something that is awaited is looked at. */
const LOOK_MS = 50;
/** The keys of WebDriver, section 17.4.2. */
const KEYS = {
  Enter: '\ue007', Escape: '\ue00c', Tab: '\ue004', ArrowUp: '\ue013', ArrowDown: '\ue015', ArrowLeft: '\ue012', ArrowRight: '\ue014',
  End: '\ue010', Control: '\ue009', Alt: '\ue00a', Shift: '\ue008',
};
const [binary] = fs.readdirSync('/usr/lib').map((folder) => `/usr/lib/${folder}/webkit2gtk-4.1/MiniBrowser`).filter((path) => fs.existsSync(path));

let display;
let screen;

before(async () => {
  assert(binary, 'MiniBrowser is missing: install webkit2gtk-driver');
  display = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1280x800x24', '-nolisten', 'tcp'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  const [number] = await within(once(display.stdio[3], 'data'), 'a display of Xvfb');
  screen = `:${String(number).trim()}`;
});
after(() => display?.kill());

/** One browser: a driver has one session at a time. */
class Driver {
  #child;
  #port;

  static async start() {
    const driver = new Driver();
    [driver.#port] = await freePorts(1);
    driver.#child = spawn('WebKitWebDriver', [`--port=${driver.#port}`, '--host=127.0.0.1'], {
      stdio: 'ignore',
      env: { ...process.env, DISPLAY: screen, NO_AT_BRIDGE: '1', GTK_A11Y: 'none', LIBGL_ALWAYS_SOFTWARE: '1', GDK_BACKEND: 'x11' },
    });
    // The driver does not report when it listens.
    const deadline = Date.now() + DEADLINE_MS;
    while (!await driver.ask('GET', '/status').catch(() => null)) {
      assert(Date.now() < deadline, 'WebKitWebDriver does not answer');
      await new Promise((done) => { setTimeout(done, LOOK_MS); });
    }
    return driver;
  }

  stop() {
    this.#child.kill();
  }

  async ask(method, path, body) {
    const answered = fetch(`http://127.0.0.1:${this.#port}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    });
    // Longer than a script or the load of a page may take: an error says which command hangs.
    const response = await within(answered, `the driver's answer to ${method} ${path}`, 2 * DEADLINE_MS);
    const { value } = await response.json();
    if (!response.ok) throw new Error(`${path}: ${value?.error}: ${value?.message}`);
    return value;
  }
}

/** A user with a browser. */
class Person {
  /** The driver does not report errors of the page. */
  complaints = [];
  #driver;
  #session;

  static async arrive(t, url) {
    const person = new Person();
    t.after(() => person.#leave());
    // Now and then a browser does not start. Nothing of the page is involved yet.
    await person.#begin().catch(async () => {
      person.#driver.stop();
      await person.#begin();
    });
    await person.#ask('POST', '/timeouts', { script: DEADLINE_MS, pageLoad: DEADLINE_MS });
    await person.#ask('POST', '/url', { url });
    return person;
  }

  async #begin() {
    this.#driver = await Driver.start();
    const { sessionId } = await this.#driver.ask('POST', '/session', {
      // A certificate of a test signs itself.
      capabilities: { alwaysMatch: { acceptInsecureCerts: true, 'webkitgtk:browserOptions': { binary, args: ['--automation'] } } },
    });
    this.#session = `/session/${sessionId}`;
  }

  async #leave() {
    try {
      if (this.#session) await this.#driver.ask('DELETE', this.#session);
    } finally {
      this.#driver?.stop();
    }
  }

  run(work, ...args) {
    return this.#ask('POST', '/execute/sync', { script: `return (${work})(...arguments)`, args });
  }

  async until(condition, what, ...args) {
    await this.#ask('POST', '/execute/async', {
      script: `const done = arguments[arguments.length - 1];
        const args = [...arguments].slice(0, -1);
        (function look() { (${condition})(...args) ? done(true) : setTimeout(look, ${LOOK_MS}); })();`,
      args,
    }).catch((error) => { throw new Error(`not in time: ${what} (${error.message})`); });
  }

  async type(selector, text) {
    await this.#ask('POST', `/element/${await this.#find(selector)}/value`, { text });
  }

  async press(key, modifiers = []) {
    const [held, value] = [modifiers.map((modifier) => KEYS[modifier]), KEYS[key] ?? key];
    await this.#act({
      type: 'key',
      id: 'keyboard',
      actions: [
        ...held.map((value) => ({ type: 'keyDown', value })),
        { type: 'keyDown', value }, { type: 'keyUp', value },
        ...held.reverse().map((value) => ({ type: 'keyUp', value })),
      ],
    });
  }

  async click(selector) {
    await this.#ask('POST', `/element/${await this.#find(selector)}/click`, {});
  }

  async hover(selector) {
    const origin = { 'element-6066-11e4-a52e-4f735466cecf': await this.#find(selector) };
    await this.#act({ type: 'pointer', id: 'mouse', actions: [{ type: 'pointerMove', origin, x: 0, y: 0, duration: 0 }] });
  }

  async resize(width, height) {
    await this.#ask('POST', '/window/rect', { width, height });
  }

  /** @returns {Promise<string>} the element's reference */
  async #find(selector) {
    const [reference] = Object.values(await this.#ask('POST', '/element', { using: 'css selector', value: selector }));
    return String(reference);
  }

  #act(...actions) {
    return this.#ask('POST', '/actions', { actions });
  }

  #ask(method, path, body) {
    return this.#driver.ask(method, this.#session + path, body);
  }
}

play({ name: 'WebKit', limit: { timeout: 180_000 }, arrive: Person.arrive });
