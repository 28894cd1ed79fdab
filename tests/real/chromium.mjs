// The chat page, and a page like the original demo's, in Debian's Chromium.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import test, { after, before } from 'node:test';
import { promisify } from 'node:util';

import { chromium } from 'playwright-core';

import { Proxy } from './proxy.mjs';
import { DEADLINE_MS, Server } from './server.mjs';

const LIMIT = { timeout: 90_000 };
/** So that pages come back quickly. */
const QUICK = ['--retry', '100ms..200ms'];

let browser;

before(async () => {
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
    ],
  });
});
after(() => browser?.close());

/** Somebody's browser: its storage, and all that its pages complain about. */
class Person {
  complaints = [];

  static async arrive(t, options) {
    const person = new Person();
    person.context = await browser.newContext(options);
    t.after(() => person.context.close());
    person.context.setDefaultTimeout(DEADLINE_MS);
    await person.context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => {
        console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`);
      });
    });
    person.context.on('console', (message) => {
      if (message.type() === 'error') person.complaints.push(message.text());
    });
    person.context.on('weberror', (error) => person.complaints.push(String(error.error())));
    person.context.on('dialog', (dialog) => {
      person.complaints.push(`dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    return person;
  }

  /** Opens the chat page; resolves once it is connected. */
  async open(url) {
    const chat = new Chat(await this.context.newPage());
    await chat.page.goto(url);
    await chat.is('Connected');
    return chat;
  }

  /** @param {boolean} netFailures whether the network was broken on purpose, which browsers log */
  hadNothingToComplainOf({ netFailures = false } = {}) {
    const known = /^Failed to load resource: (net::ERR_|the server responded with a status of 502)/;
    assert.deepEqual(this.complaints.filter((text) => !(netFailures && known.test(text))), []);
  }
}

/** The chat page, by what a person sees of it. */
class Chat {
  constructor(page) {
    this.page = page;
    this.log = page.getByRole('log', { name: 'Messages' });
    this.outbox = page.locator('#outbox > li');
    this.name = page.getByLabel('Name');
    this.message = page.getByLabel('Message', { exact: true });
  }

  /** Resolves once the status line says so. */
  async is(status) {
    await this.page.getByRole('status').filter({ hasText: status }).waitFor();
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

  async callMe(name) {
    await this.name.fill(name);
    await this.name.blur();
  }
}

test('what is said in one tab is seen in the other, and markup is only text', LIMIT, async (t) => {
  const server = await Server.start(t);
  const [alice, mallory] = [await Person.arrive(t), await Person.arrive(t)];
  const [here, there] = [await alice.open(server.url), await mallory.open(server.url)];
  await here.callMe('Alice');
  await here.say('Hello\nthere');
  await there.says('Hello\nthere');

  const name = '<img src=x onerror=alert(1)>';
  const text = '<script>alert(2)</script><svg onload=alert(3)> javascript:alert(4) {{7*7}} &lt;';
  await there.callMe(name);
  await there.say(text);
  for (const chat of [here, there]) {
    await chat.says('Hello\nthere', text);
    await chat.has('#log .name', 'Alice', name);
    await chat.has('#members', '2 members');
    assert.equal(await chat.page.locator('#log img, #log script, #log svg').count(), 0);
  }
  await here.has('#log .own .text', 'Hello\nthere');
  await there.has('#log .own .text', text);
  assert.equal(await here.outbox.count(), 0);
  const time = here.log.locator('time').first();
  assert.match(await time.textContent(), /^\d\d:\d\d$/);
  assert.equal(await time.getAttribute('datetime'), (await server.said('lobby'))[0].created_at);
  alice.hadNothingToComplainOf();
  mallory.hadNothingToComplainOf();
});

test('a breach of the policy would not go unseen', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url);
  const complaint = person.context.waitForEvent('console', (message) => message.text().startsWith('policy: '));
  await chat.page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'document.title = "breached"';
    document.body.append(script);
  });
  await complaint;
  assert.throws(() => person.hadNothingToComplainOf());
  assert.equal(await chat.page.title(), 'lobby · sse-chat');
});

test('a page outlives kill -9: it says so, comes back by itself, and shows the restart', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const person = await Person.arrive(t);
  const [one, two] = [await person.open(server.url), await person.open(server.url)];
  await one.callMe('Alice');
  await one.say('before');
  for (const chat of [one, two]) await chat.says('before');

  await server.kill();
  await one.is('Reconnecting');
  await one.say('while it is down');
  await one.outbox.filter({ hasText: 'not sent' }).waitFor();
  await one.has('#outbox .text', 'while it is down');

  await server.startAgain();
  for (const chat of [one, two]) {
    await chat.is('Connected');
    await chat.has('#log .gap', 'Messages may be missing here: the server was restarted.');
  }
  await one.outbox.getByRole('button', { name: 'Retry' }).click();
  await two.says('before', 'while it is down');
  await two.callMe('Bob');
  await two.say('after');
  await one.says('before', 'while it is down', 'after');
  assert.equal(await one.outbox.count(), 0);
  assert.deepEqual((await server.said('lobby')).map(({ message }) => message), ['while it is down', 'after']);
  person.hadNothingToComplainOf({ netFailures: true });
});

test('a message whose answer was lost is said once, however often it is retried', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url);
  await chat.callMe('Alice');
  await chat.is('Connected');
  // The server says the message; the page hears neither its answer nor, at first, its stream.
  await chat.page.route('**/rooms/*/messages', async (route) => {
    await chat.page.evaluate(() => dispatchEvent(new Event('pagehide')));
    await route.fetch();
    await route.abort('connectionreset');
  }, { times: 1 });
  await chat.say('once');
  await chat.outbox.getByRole('button', { name: 'Retry' }).click();
  await chat.outbox.filter({ hasText: 'sent' }).filter({ hasNotText: 'not sent' }).waitFor();
  await chat.page.evaluate(() => dispatchEvent(new Event('online')));
  await chat.says('once');
  assert.equal(await chat.outbox.count(), 0);
  assert.equal((await server.said('lobby')).length, 1);
  person.hadNothingToComplainOf({ netFailures: true });
});

test('a refused message says why, and its text can be mended', LIMIT, async (t) => {
  const server = await Server.start(t, '--max-message-bytes', '20');
  const person = await Person.arrive(t);
  const chat = await person.open(server.url);
  await chat.callMe('Alice');
  await chat.say('this is longer than twenty bytes');
  await chat.outbox.filter({ hasText: /not sent: .*20 bytes/ }).waitFor();
  await chat.outbox.getByRole('button', { name: 'Edit' }).click();
  assert.equal(await chat.message.inputValue(), 'this is longer than twenty bytes');
  await chat.say('this is shorter');
  await chat.says('this is shorter');
});

test('a reload shows what was said, and knows who I am', LIMIT, async (t) => {
  const server = await Server.start(t);
  for (let number = 1; number <= 60; number += 1) await server.say('lobby', 'Carol', `message ${number}`);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url);
  const last50 = Array.from({ length: 50 }, (_, index) => `message ${index + 11}`);
  await chat.says(...last50);
  await chat.callMe('Alice');
  await chat.say('and me');
  await chat.says(...last50, 'and me');
  await chat.page.reload();
  await chat.says(...last50.slice(1), 'and me');
  await chat.has('#log .own .text', 'and me');
  assert.equal(await chat.name.inputValue(), 'Alice');
  await chat.has('#members', '1 member');
  const atEnd = () => {
    const { scrollTop, scrollHeight, clientHeight } = document.getElementById('scroller');
    return scrollTop > 0 && scrollHeight - scrollTop - clientHeight < 2;
  };
  await chat.page.waitForFunction(atEnd);

  // More comes between a move to the end and its scroll event: the page still follows.
  await chat.page.evaluate(() => {
    window.grown = new Promise((resolve) => {
      document.addEventListener('scroll', () => {
        for (let count = 0; count < 10; count += 1) {
          document.getElementById('log').append(document.createElement('li'));
          document.getElementById('log').lastChild.textContent = 'more';
        }
        resolve();
      }, { capture: true, once: true });
    });
  });
  await server.say('lobby', 'Carol', 'follow me');
  await chat.page.evaluate(() => window.grown);
  await server.say('lobby', 'Carol', 'and me too');
  await chat.says(...last50.slice(1), 'and me', 'follow me', 'and me too');
  await chat.page.waitForFunction(atEnd);

  // One who reads further up is not torn away from there.
  await chat.page.evaluate(() => new Promise((resolve) => {
    const scroller = document.getElementById('scroller');
    scroller.addEventListener('scroll', () => resolve(), { once: true });
    scroller.scrollTop = 0;
  }));
  await server.say('lobby', 'Carol', 'the newest');
  await chat.says(...last50.slice(1), 'and me', 'follow me', 'and me too', 'the newest');
  assert.equal(await chat.page.evaluate(() => document.getElementById('scroller').scrollTop), 0);
  person.hadNothingToComplainOf();
});

test('the path names the room', LIMIT, async (t) => {
  const server = await Server.start(t, '--default-room', 'entrée');
  const person = await Person.arrive(t);
  const chat = await person.open(`${server.url}/r/聊天室`);
  await chat.has('h1', '聊天室');
  await chat.callMe('小明');
  await chat.say('你好');
  await chat.says('你好');
  assert.equal((await server.said('聊天室'))[0].name, '小明');
  const home = await person.open(server.url);
  await home.has('h1', 'entrée');
  assert(await home.page.getByText('Nothing has been said here yet.').isVisible());
  person.hadNothingToComplainOf();
});

test('Enter sends, but not while an input method is composing', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url);
  await chat.say('without a name');
  await chat.page.getByText('Choose a name first.').waitFor();
  assert.equal(await chat.message.inputValue(), 'without a name');
  await chat.callMe('Alice');
  await chat.message.fill('拼音');
  for (const key of [{ isComposing: true }, { keyCode: 229 }]) {
    await chat.message.dispatchEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...key });
  }
  assert.equal(await chat.message.inputValue(), '拼音');
  await chat.message.press('Shift+Enter');
  await chat.message.pressSequentially('second line');
  await chat.message.press('Enter');
  await chat.says('拼音\nsecond line');
  assert.equal((await server.said('lobby')).length, 1);
});

test('a page works where storage is forbidden', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  await person.context.addInitScript(() => {
    Object.defineProperty(window, 'localStorage', {
      get() {
        throw new DOMException('forbidden', 'SecurityError');
      },
    });
  });
  const chat = await person.open(server.url);
  await chat.callMe('Alice');
  await chat.say('hello');
  await chat.says('hello');
  person.hadNothingToComplainOf();
});

test('a remembered name that the server refuses leaves a page that reads', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  await person.context.addInitScript(() => localStorage.setItem('sse-chat.name', 'x'.repeat(33)));
  const chat = await person.open(server.url);
  await chat.page.getByRole('alert').filter({ hasText: '32' }).waitFor();
  await server.say('lobby', 'Carol', 'hello');
  await chat.says('hello');
  await chat.callMe('Alice');
  await chat.say('hi');
  await chat.says('hello', 'hi');
});

test('a page that the browser gave up on connects anew, from where it was', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const proxy = await Proxy.start(t, server.host);
  const person = await Person.arrive(t);
  const chat = await person.open(proxy.url);
  await server.say('lobby', 'Carol', 'before');
  await chat.says('before');
  let refused = 0;
  await chat.page.route('**/events?*', (route) => {
    refused += 1;
    return route.fulfill({ status: 502, body: 'bad gateway' });
  }, { times: 2 });
  const resumed = chat.page.waitForRequest((request) => /[?&]last_event_id=[a-z0-9]+-1(&|$)/.test(request.url()));
  proxy.block();
  await chat.is('Reconnecting');
  await server.say('lobby', 'Carol', 'meanwhile');
  proxy.unblock();
  await resumed;
  await chat.is('Connected');
  await chat.says('before', 'meanwhile');
  await chat.has('#log .gap');
  assert.equal(refused, 2);
  person.hadNothingToComplainOf({ netFailures: true });
});

test('a page that is given all of history again shows nothing twice', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const proxy = await Proxy.start(t, server.host);
  const person = await Person.arrive(t);
  const chat = await person.open(proxy.url);
  for (const text of ['1', '2']) await server.say('lobby', 'Carol', text);
  await chat.says('1', '2');
  let asked = 0;
  await chat.page.route('**/events?*', (route) => {
    asked += 1;
    if (asked <= 2) return route.fulfill({ status: 502, body: 'bad gateway' });
    return route.continue({ url: route.request().url().replace(/last_event_id=[^&]+/, 'last_event_id=garbage') });
  });
  proxy.block();
  await chat.is('Reconnecting');
  proxy.unblock();
  await chat.has('#log .gap', 'Messages may be missing here: the server does not know where this page was.');
  await server.say('lobby', 'Carol', '3');
  await chat.log.getByText('3', { exact: true }).waitFor();
  await chat.says('1', '2', '3');
});

test('a page whose connection goes silent connects anew, from where it was', LIMIT, async (t) => {
  const server = await Server.start(t, '--ping', '200ms');
  const proxy = await Proxy.start(t, server.host);
  const person = await Person.arrive(t);
  const asked = [];
  person.context.on('request', (request) => asked.push(new URL(request.url()).search));
  const chat = await person.open(proxy.url);
  await server.say('lobby', 'Carol', 'before');
  await chat.says('before');
  // Nobody says anything, but pings come: that is no silence.
  await chat.page.evaluate(() => new Promise((resolve) => {
    let pings = 0;
    const other = new EventSource('/rooms/other/events');
    other.addEventListener('ping', () => {
      pings += 1;
      if (pings < 6) return;
      other.close();
      resolve();
    });
  }));
  assert.equal(asked.filter((query) => query.includes('presence')).length, 1);

  const resumed = chat.page.waitForRequest((request) => /[?&]last_event_id=[a-z0-9]+-1(&|$)/.test(request.url()));
  proxy.freeze();
  await server.say('lobby', 'Carol', 'meanwhile');
  await resumed;
  await chat.says('before', 'meanwhile');
  await chat.is('Connected');
  person.hadNothingToComplainOf();
});

test('a page that was away too long shows how many messages it lost', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK, '--history', '5');
  const proxy = await Proxy.start(t, server.host);
  const person = await Person.arrive(t);
  const chat = await person.open(proxy.url);
  await server.say('lobby', 'Carol', '1');
  await chat.says('1');
  proxy.block();
  for (let number = 2; number <= 12; number += 1) await server.say('lobby', 'Carol', `${number}`);
  proxy.unblock();
  await chat.says('1', '8', '9', '10', '11', '12');
  await chat.has('#log .gap', '6 messages are missing here: the server keeps only the last ones.');
  assert.equal(await chat.log.locator('li').nth(1).getAttribute('class'), 'gap');
});

test('a page that is told bye comes back to the next server', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK, '--grace', '10s');
  const person = await Person.arrive(t);
  const chat = await person.open(server.url);
  await server.kill('SIGTERM');
  await chat.is('Reconnecting');
  await server.startAgain();
  await chat.is('Connected');
  await chat.callMe('Alice');
  await chat.say('hello again');
  await chat.says('hello again');
  person.hadNothingToComplainOf({ netFailures: true });
});

test('a page comes back after busy, and stays away after close', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const answers = [
    'event: busy\ndata: {"reason":"connections","retry_ms":100}\n\n',
    'event: close\ndata: {"reason":"done"}\n\n',
  ];
  let asked = 0;
  await person.context.route('**/events?*', (route) => {
    const body = answers[asked];
    asked += 1;
    return route.fulfill({ contentType: 'text/event-stream', body });
  });
  const chat = new Chat(await person.context.newPage());
  await chat.page.goto(server.url);
  await chat.is('closed');
  await chat.page.evaluate(() => {
    dispatchEvent(new Event('online'));
    return fetch('/healthz');
  });
  assert.equal(asked, 2);
  person.hadNothingToComplainOf();
});

test("the original demo's page works unchanged, and outlives a restart", LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const send = async (message) => {
    const url = `http://${server.host}/send.php?name=Alice&message=${message}`;
    const { stdout } = await promisify(execFile)('curl', ['--silent', '--max-time', '10', url]);
    assert.equal(stdout, '{"code":0,"msg":"success"}');
  };
  const rows = async (...messages) => {
    await demo.page.waitForFunction(
      (count) => document.querySelectorAll('#messages li').length >= count, messages.length,
    );
    const texts = await demo.page.locator('#messages li').allTextContents();
    assert.deepEqual(texts.map((text) => text.replace(/^\S+Z /, '')), messages.map((message) => `Alice: ${message}`));
  };
  await send('in_history');
  const person = await Person.arrive(t);
  const demo = new Chat(await person.context.newPage());
  const html = await readFile(new URL('demo.html', import.meta.url), 'utf8');
  await demo.page.route('**/demo.html', (route) => route.fulfill({ contentType: 'text/html', body: html }));
  await demo.page.goto(`${server.url}/demo.html`);
  await rows('in_history');
  await send('This_is_Alice');
  await rows('This_is_Alice', 'in_history');

  await server.kill();
  await server.startAgain();
  await send('after_the_restart');
  await rows('after_the_restart', 'This_is_Alice', 'in_history');
  const ids = await demo.page.locator('#messages li').evaluateAll((list) => list.map((row) => row.dataset.id));
  assert.equal(new Set(ids).size, 3);
  person.hadNothingToComplainOf({ netFailures: true });
});
