// The chat page in Debian's Firefox ESR: what is said arrives, a cut stream
// goes on where it was, a restart is outlived.

import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';

import puppeteer from 'puppeteer-core';

import { Proxy } from './proxy.mjs';
import { DEADLINE_MS, Server } from './server.mjs';
import { sidesOfLines } from './sides.mjs';

const LIMIT = { timeout: 90_000 };
const QUICK = ['--retry', '100ms..200ms'];

let browser;

before(async () => {
  browser = await puppeteer.launch({ browser: 'firefox', executablePath: '/usr/bin/firefox-esr', headless: true, timeout: 120_000 });
});
after(() => browser?.close());

/** Somebody at the chat page, in a browser profile of their own. */
class Person {
  static async arrive(t, url, name) {
    const person = new Person();
    const context = await browser.createBrowserContext();
    t.after(() => context.close());
    person.page = await context.newPage();
    person.page.setDefaultTimeout(DEADLINE_MS);
    person.complaints = [];
    person.page.on('pageerror', (error) => person.complaints.push(String(error)));
    await person.page.goto(url);
    await person.is('live');
    await person.page.type('#name', name);
    await person.page.keyboard.press('Enter');
    await person.page.waitForSelector('#message', { visible: true });
    return person;
  }

  is(state) {
    return this.page.waitForSelector(`html[data-connection=${state}]`);
  }

  async say(text) {
    await this.page.type('#message', text);
    await this.page.keyboard.press('Enter');
  }

  /** Resolves once the log has exactly these texts. */
  async says(...texts) {
    const of = () => [...document.querySelectorAll('#log .text')].map(({ textContent }) => textContent);
    try {
      await this.page.waitForFunction(`JSON.stringify((${of})()) === ${JSON.stringify(JSON.stringify(texts))}`);
    } catch {
      assert.deepEqual(await this.page.evaluate(of), texts);
    }
  }
}

for (const [how, query] of [['a shared stream', ''], ['a stream of its own', '?shared=0']]) {
  test(`Firefox with ${how}: two people talk, and a cut stream goes on where it was`, LIMIT, async (t) => {
    const server = await Server.start(t, ...QUICK);
    const proxy = await Proxy.start(t, server.host);
    const here = await Person.arrive(t, proxy.url + query, 'Alice');
    const there = await Person.arrive(t, server.url + query, '小明');
    await here.say('hello');
    await there.says('hello');
    await there.say('你好');
    await here.says('hello', '你好');
    proxy.block();
    await here.is('waiting');
    await here.say('typed while away');
    await there.say('meanwhile');
    await there.says('hello', '你好', 'meanwhile');
    proxy.unblock();
    await here.says('hello', '你好', 'meanwhile', 'typed while away');
    await there.says('hello', '你好', 'meanwhile', 'typed while away');
    assert.equal(await here.page.$('#log .gap'), null);
    assert.equal(await here.page.$('#outbox > li'), null);
    assert.deepEqual([...here.complaints, ...there.complaints], []);
  });

  test(`Firefox with ${how} outlives kill -9: nothing typed is lost or said twice`, LIMIT, async (t) => {
    const server = await Server.start(t, ...QUICK);
    const here = await Person.arrive(t, server.url + query, 'Alice');
    await here.say('before');
    await here.says('before');
    await here.page.type('#message', 'half a ');
    await server.kill();
    await here.is('waiting');
    await here.say('thought');
    await server.startAgain();
    await here.is('live');
    await here.says('before', 'half a thought');
    assert.deepEqual((await server.said('lobby')).map(({ message }) => message), ['half a thought']);
    assert.equal(await here.page.$eval('#log .gap', ({ textContent }) => textContent), 'Messages may be missing here: the server was restarted.');
    assert.deepEqual(here.complaints, []);
  });
}

test('Firefox: the box is as high as its text, each line has its own direction, and links are whole', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  await server.say('lobby', 'Carol', 'Hello\nשלום לך\nbye');
  await server.say('lobby', 'Carol', 'https://müller.example/x_');
  const here = await Person.arrive(t, server.url, 'Alice');
  const height = () => here.page.$eval('#message', ({ offsetHeight }) => offsetHeight);
  const one = await height();
  await here.page.type('#message', 'wrapped text '.repeat(20));
  assert(await height() > 1.8 * one, `${await height()} px, one line is ${one} px`);
  await here.page.keyboard.press('Enter');
  await here.page.waitForFunction((one) => document.getElementById('message').offsetHeight === one, {}, one);
  const sides = await here.page.$eval('#log .text', sidesOfLines);
  assert.deepEqual(sides, ['left', 'right', 'left']);
  assert.equal(await here.page.$eval('#log a', ({ href }) => href), 'https://xn--mller-kva.example/x_');
  assert.deepEqual(here.complaints, []);
});
