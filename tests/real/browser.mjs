// Chromium, a user with a browser of their own, and the chat page as they see it.

import assert from 'node:assert/strict';
import { after, before } from 'node:test';

import { chromium } from 'playwright-core';

import { SITE } from './front.mjs';
import { DEADLINE_MS } from './server.mjs';

/** Without the window around a page, which takes more time of the processors than the page. */
const HEADLESS = '/usr/bin/chromium-headless-shell';

/** How long one test may take. */
export const LIMIT = { timeout: 180_000 };
/** The page itself may wait for half a minute before it tries again. */
const LIVE_MS = DEADLINE_MS + 30_000;
/** Short retry times, so that pages reconnect quickly. */
export const QUICK = ['--retry', '100ms..200ms'];

/** A server under a name that is not a loopback address. */
export const ELSEWHERE = ['--allowed-host', SITE];
/** Its address, as of another machine. @param {string} url */
export const elsewhere = (url) => url.replace('127.0.0.1', SITE);

/** A time zone in which it is noon now: no test is on both sides of a midnight. POSIX signs: `Etc/GMT-3` is three hours ahead of UTC. */
export const timezoneAtNoon = () => {
  const hours = new Date().getUTCHours() - 12;
  return `Etc/GMT${hours < 0 ? hours : `+${hours}`}`;
};

let browser;

before(async () => {
  browser = await launch();
});
after(() => browser?.close());

/** Debian's Chromium: the program that CHROMIUM names, or its headless shell. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? HEADLESS,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
      // The site has a certificate that is made for one test.
      `--host-resolver-rules=MAP ${SITE} 127.0.0.1`, '--ignore-certificate-errors',
    ],
  });
}

/** Resolves once an asynchronous check in a page is true. @param {(arg: any) => Promise<unknown>} check */
export async function until(page, check, arg) {
  // Not by waitForFunction, for which any promise is true.
  const deadline = Date.now() + DEADLINE_MS;
  while (!await page.evaluate(check, arg)) {
    assert(Date.now() < deadline, `not in time: ${check}`);
    await page.evaluate(() => new Promise((done) => { setTimeout(done, 50); }));
  }
}

/** The browser of one user: its storage, and the errors of its pages. */
export class Person {
  complaints = [];

  /** @param {object} [options] of Playwright. A service worker would make requests that `route` of a page does not see. */
  static async arrive(t, options) {
    const person = new Person();
    person.context = await browser.newContext({ serviceWorkers: 'block', timezoneId: timezoneAtNoon(), ...options });
    t.after(() => person.context.close());
    person.context.setDefaultTimeout(DEADLINE_MS);
    await person.context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`);
      });
    });
    person.context.on('console', (message) => {
      // A server that knows nothing of typing: the page asks once.
      const isOlder = message.location().url.includes('/typing?') && /status of 404/.test(message.text());
      if (message.type() === 'error' && !isOlder) person.complaints.push(message.text());
    });
    person.context.on('weberror', (error) => person.complaints.push(String(error.error())));
    person.context.on('dialog', (dialog) => {
      person.complaints.push(`dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    return person;
  }

  /**
   * Opens the chat page; resolves once it is connected.
   * @param {string} [name] under which they talk @param {{clock?: boolean}} [options] whether the test sets the page's clock
   */
  async open(url, name, { clock = false } = {}) {
    const chat = new Chat(await this.context.newPage());
    // Before any script runs: a timer that exists already would keep the real clock.
    if (clock) await chat.page.clock.install();
    await chat.page.goto(url);
    await chat.is('live');
    if (name) await chat.callMe(name);
    return chat;
  }

  /** Replaces a timeout of `from` by one of `to` in all pages. @param {number} from @param {number} to in ms */
  async changeWait(from, to) {
    await this.context.addInitScript(([from, to]) => {
      const { setTimeout } = window;
      window.setTimeout = (work, ms) => setTimeout(work, ms === from ? to : ms);
    }, [from, to]);
  }

  /** Lets pages wait 60 s for the shared worker instead of 2 s. */
  async trustsWorkers() {
    await this.changeWait(2_000, 60_000);
  }

  /** Ends the workers that tabs share, as a browser short of memory does. */
  async endWorkers() {
    const session = await browser.newBrowserCDPSession();
    const { targetInfos } = await session.send('Target.getTargets');
    const workers = targetInfos.filter(({ type, url }) => type === 'shared_worker' && url.includes('/assets/'));
    assert.equal(workers.length, 1);
    for (const { targetId } of workers) {
      const { sessionId } = await session.send('Target.attachToTarget', { targetId, flatten: false });
      const message = JSON.stringify({ id: 1, method: 'Runtime.evaluate', params: { expression: 'close()' } });
      await session.send('Target.sendMessageToTarget', { sessionId, message });
      const isThere = async () => {
        const { targetInfos: left } = await session.send('Target.getTargets');
        return left.some((target) => target.targetId === targetId);
      };
      const deadline = Date.now() + DEADLINE_MS;
      while (await isThere()) assert(Date.now() < deadline, 'a worker does not end');
    }
    await session.detach();
  }

  /** @param {boolean} netFailures whether requests failed on purpose, which browsers log */
  hadNothingToComplainOf({ netFailures = false } = {}) {
    const known = /^Failed to load resource: (net::ERR_|the server responded with a status of (400|429|502|503))/;
    assert.deepEqual(this.complaints.filter((text) => !(netFailures && known.test(text))), []);
  }
}

/** The chat page, by what a person sees of it. */
export class Chat {
  constructor(page) {
    this.page = page;
    this.log = page.locator('#log');
    this.outbox = page.locator('#outbox > li');
    this.message = page.locator('#message');
    this.status = page.locator('#status');
    this.pill = page.locator('#pill');
    this.rooms = page.locator('#room-list a');
  }

  /** Resolves once the connection is in a state. @param {'connecting' | 'live' | 'waiting' | 'closed'} state */
  async is(state) {
    // In each frame, since some states are short.
    const timeout = state === 'live' ? LIVE_MS : DEADLINE_MS;
    await this.page.waitForFunction((state) => document.documentElement?.dataset.connection === state, state, { timeout });
  }

  /** Resolves once `selector` has exactly these texts. */
  async has(selector, ...texts) {
    try {
      await this.page.waitForFunction(
        ([selector, texts]) => {
          const found = [...document.querySelectorAll(selector)].map((element) => element.textContent);
          return JSON.stringify(found) === texts;
        },
        [selector, JSON.stringify(texts)],
      );
    } catch {
      assert.deepEqual(await this.page.locator(selector).allTextContents(), texts, `of ${selector}`);
    }
  }

  says(...texts) {
    return this.has('#log .text', ...texts);
  }

  async say(text) {
    await this.message.fill(text);
    await this.message.press('Enter');
  }

  /** Joins in under a name, or takes another, even if somebody else has it. */
  async callMe(name) {
    const first = this.page.locator('#name');
    if (await first.isVisible()) {
      await first.fill(name);
      await first.press('Enter');
      const keep = this.page.locator('#join .offers button').last();
      await this.message.or(keep).filter({ visible: true }).first().waitFor();
      if (await keep.isVisible()) await keep.click();
      await this.message.waitFor();
      return;
    }
    await this.page.locator('#me').click();
    await this.page.locator('#new-name').fill(name);
    await this.page.locator('#new-name').press('Enter');
  }

  async join(room) {
    // On a phone the rooms are in a drawer.
    const drawer = this.page.locator('#open-rooms');
    if (await drawer.isVisible()) await drawer.click();
    await this.page.locator('#join-room').click();
    await this.page.locator('#new-room').fill(room);
    await this.page.locator('#new-room').press('Enter');
    await this.has('h1', room);
  }

  /** The browser says that the page is not looked at, or is again. @param {boolean} hidden */
  async hide(hidden) {
    await this.page.evaluate((hidden) => {
      Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => (hidden ? 'hidden' : 'visible') });
      document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
  }

  /** Stops the page's clock, which the test controls. */
  async stopTime() {
    const pause = async () => this.page.clock.pauseAt(await this.page.evaluate(() => Date.now() + 1_000));
    // On a slow machine that time may have passed. Then the clock is stopped already.
    await pause().catch((error) => {
      if (!/fast-forward to the past/.test(error.message)) throw error;
      return pause();
    });
  }

  /** Whether the end of the talk is in sight. */
  isAtEnd() {
    return this.page.waitForFunction(() => {
      const { scrollTop, scrollHeight, clientHeight } = document.getElementById('scroller');
      return scrollHeight - scrollTop - clientHeight < 2;
    });
  }

  /** Runs in the page with one of its modules. @param {string} module @param {(module: any, load: (path: string) => Promise<any>) => any} work */
  with(module, work) {
    return this.page.evaluate(`(async () => {
      const load = ${load};
      return (${work})(await load('${module}'), load);
    })()`);
  }
}

/** In the page: one of its modules, which is a file with --assets-dir, and otherwise in one of the joined scripts. @param {string} path */
async function load(path) {
  const start = document.querySelector('script[type=module]').src;
  const { modules } = await import(start);
  if (!modules || path.startsWith('words/words_')) return import(new URL(path, start));
  for (const script of ['start.js', 'chat.js', 'later.js', 'stream/worker.js']) {
    const joined = await import(new URL(script, start));
    if (path in joined.modules) return joined.modules[path];
  }
  throw new Error(`no joined script has ${path}`);
}

/** The bounds of an element once it is shown: a row that is just drawn again has none for a moment. @param {import('playwright').Locator} element */
export async function boundsOf(element) {
  for (;;) {
    await element.waitFor();
    const bounds = await element.boundingBox();
    if (bounds) return bounds;
  }
}

/** A finger rests on an element until the page's sheet opens. */
export async function press(chat, element) {
  const { x, y, width, height } = await boundsOf(element);
  const session = await chat.page.context().newCDPSession(chat.page);
  await session.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints: [{ x: x + width / 2, y: y + height / 2 }] });
  await chat.page.locator('.sheet').waitFor();
  await session.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
  await session.detach();
}
