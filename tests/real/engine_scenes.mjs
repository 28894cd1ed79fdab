// What every engine has to do with the chat page, beside Chromium, which the tests
// page_*.mjs use: firefox.mjs and webkit.mjs play these scenes with their browser.
//
// Functions that are given to `run` and `until` run in the page, so they use
// nothing around them.

import assert from 'node:assert/strict';
import test from 'node:test';

import { certifyFor } from './certificate.mjs';
import { Proxy } from './proxy.mjs';
import { Server } from './server.mjs';
import { sidesOfLines } from './sides.mjs';

/**
 * @typedef {object} Person a user with a browser of their own, whose methods resolve when they are done
 * @property {(work: Function, ...args: unknown[]) => Promise<any>} run
 * @property {(condition: Function, what: string, ...args: unknown[]) => Promise<void>} until
 * @property {(selector: string, text: string) => Promise<void>} type into an element
 * @property {(key: string, modifiers?: string[]) => Promise<void>} press a key, such as `Enter`, on what has the focus
 * @property {(selector: string) => Promise<void>} click
 * @property {(selector: string) => Promise<void>} hover
 * @property {(width: number, height: number) => Promise<void>} resize of the window
 * @property {string[]} complaints errors of the page, as far as the browser reports them
 */
/** @typedef {{name: string, limit: {timeout: number}, arrive(t: any, url: string): Promise<Person>}} Engine */

const QUICK = ['--retry', '100ms..200ms'];

/** @param {Engine} engine */
export function play(engine) {
  const { name, limit } = engine;
  const scene = (what, work) => test(`${name}: ${what}`, limit, work);
  const enter = async (t, url, called) => {
    const chat = new EngineChat(await engine.arrive(t, url));
    await chat.is('live');
    await chat.callMe(called);
    return chat;
  };

  const clear = (t) => Server.start(t, ...QUICK);
  // WebKitGTK does not report the end of an HTTP/2 connection: there the page waits for pings that do not come.
  const https = async (t) => Server.startSecure(t, await certifyFor(t), ...QUICK, '--ping', '2s');
  for (const [how, query, start] of [
    ['a shared stream', '', clear],
    ['a stream of its own', '?shared=0', clear],
    ['a shared stream over https', '', https],
    ['a stream of its own over https', '?shared=0', https],
  ]) {
    scene(`with ${how}, two people talk, and a cut stream goes on where it was`, async (t) => {
      const server = await start(t);
      const proxy = await Proxy.start(t, server.host);
      const through = proxy.url.replace(/^http:/, new URL(server.url).protocol);
      const here = await enter(t, through + query, 'Alice');
      const there = await enter(t, server.url + query, '小明');
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
      assert.equal(await here.count('#log .gap'), 0);
      assert.equal(await here.count('#outbox > li'), 0);
      here.hadNothingToComplainOf();
      there.hadNothingToComplainOf();
    });

    scene(`with ${how}, kill -9 of the server loses and repeats nothing typed`, async (t) => {
      const server = await start(t);
      const here = await enter(t, server.url + query, 'Alice');
      await here.say('before');
      await here.says('before');
      await here.person.type('#message', 'half a ');
      await server.kill();
      await here.is('waiting');
      await here.say('thought');
      await server.startAgain();
      await here.is('live');
      await here.says('before', 'half a thought');
      assert.deepEqual((await server.said('lobby')).map(({ message }) => message), ['half a thought']);
      assert.equal(await here.count('#log .gap[data-reason=restart]'), 1);
      here.hadNothingToComplainOf();
    });
  }

  scene('the box is as high as its wrapped text', async (t) => {
    const server = await Server.start(t, ...QUICK);
    const { person } = await enter(t, server.url, 'Alice');
    const height = () => person.run(() => document.getElementById('message').offsetHeight);
    const one = await height();
    await person.type('#message', 'wrapped text '.repeat(30));
    assert(await height() > 1.8 * one, `${await height()} px, one line is ${one} px`);
    assert.equal(await person.run(() => {
      const box = document.getElementById('message');
      return box.scrollHeight - box.clientHeight;
    }), 0);
    await person.press('Enter');
    await person.until((one) => document.getElementById('message').offsetHeight === one, 'one line again', one);
  });

  scene('each line stands on the side of its first strong letter; links and mentions are found', async (t) => {
    const server = await Server.start(t, ...QUICK);
    await server.say('lobby', 'Carol', 'Hello\nשלום לך\nمرحبا\nbye');
    await server.say('lobby', 'Carol', 'https://müller.example/x_ @Jose\u0301');
    const { person } = await enter(t, server.url, 'José');
    await person.until(() => document.querySelectorAll('#log .text').length === 2, 'two messages');
    assert.deepEqual(await person.run(`() => (${sidesOfLines})(document.querySelector('#log .text'))`), ['left', 'right', 'right', 'left']);
    assert.deepEqual(
      await person.run(() => [document.querySelector('#log a').href, document.querySelector('#log .mention').textContent.normalize('NFC')]),
      ['https://xn--mller-kva.example/x_', '@José'],
    );
  });

  scene('a message is answered, reacted to, edited and deleted, and the deletion is undone', async (t) => {
    const server = await Server.start(t, ...QUICK);
    const here = await enter(t, server.url, 'Alice');
    const { person } = here;
    await here.say('first');
    await here.says('first');
    const shown = (selector, text) => person.until(
      (selector, text) => document.querySelector(selector)?.textContent.includes(text) ?? false, `${selector}: ${text}`, selector, text,
    );
    await person.hover('#log .message .text');
    await shown('#log .bar', '⋯');
    await person.until(() => document.querySelector('#log .bar .react') !== null, 'the bar');
    await person.click('#log .bar .react');
    await person.until(() => document.activeElement.matches('.picker input'), 'the search for emoji');
    await person.type('.picker input', 'rocket');
    await person.press('Enter');
    await shown('#log .reactions [aria-pressed=true]', '🚀 1');
    await person.hover('#log .message .text');
    await person.click('#log .bar .reply');
    await shown('#intent', 'Replying to');
    await here.say('second');
    await here.says('first', 'second');
    await shown('#log .answered', 'first');
    await person.press('ArrowUp');
    await person.until(() => document.getElementById('message').value === 'second', 'the last message in the box');
    await person.press('Escape');
    await person.until(() => document.getElementById('message').value === '', 'the empty box');
    await person.press('ArrowUp');
    await person.until(() => document.getElementById('message').value === 'second', 'the last message in the box');
    await here.say(', edited');
    await here.says('first', 'second, edited');
    await person.hover('#log .message .text');
    await person.click('#log .bar .more');
    await person.until(() => document.activeElement.matches('.menu button'), 'the menu');
    await person.press('End');
    await person.press('Enter');
    await here.says('second, edited');
    await person.click('#notice button');
    await here.says('first', 'second, edited');
    here.hadNothingToComplainOf();
  });

  scene('a search finds a message that is not loaded and shows it in its place; Control + K goes to another room', async (t) => {
    const server = await Server.start(t, ...QUICK);
    await server.say('lobby', 'Carol', 'the needle');
    for (let number = 1; number <= 120; number += 1) await server.say('lobby', 'Carol', `hay ${number}`);
    const { person } = await enter(t, server.url, 'Alice');
    const isLast = () => [...document.querySelectorAll('#log .text')].at(-1)?.textContent === 'hay 120';
    await person.until(isLast, 'the newest message');
    await person.click('#open-search');
    await person.until(() => document.activeElement.id === 'search', 'the field of the search');
    await person.type('#search', 'NEEDLE');
    await person.until(() => document.querySelector('#results mark')?.textContent === 'needle', 'the match');
    await person.press('ArrowDown');
    await person.press('Enter');
    await person.until(() => {
      const found = [...document.querySelectorAll('#log .text')].find(({ textContent }) => textContent === 'the needle');
      const [row, all] = [found, document.getElementById('scroller')].map((element) => element?.getBoundingClientRect());
      return row && row.top >= all.top && row.bottom <= all.bottom;
    }, 'the message in its place');
    await person.press('Escape');
    await person.until(() => document.getElementById('search-bar').hidden, 'the end of the search');
    await person.until(isLast, 'the newest message again');

    await person.press('k', ['Control']);
    await person.until(() => document.querySelector('#switcher input') === document.activeElement, 'the switcher');
    await person.type('#switcher input', 'garden');
    await person.until(() => document.querySelector('#switcher [aria-selected=true]') !== null, 'an offer');
    await person.press('Enter');
    await person.until(() => document.getElementById('room-title').textContent === 'garden', 'the other room');
  });

  scene('on a narrow window both side lists are drawers, which Escape closes', async (t) => {
    const server = await Server.start(t, ...QUICK);
    const { person } = await enter(t, server.url, 'Alice');
    await person.resize(480, 700);
    for (const [opener, panel] of [['#open-rooms', '#rooms'], ['#open-people', '#people']]) {
      const isShown = (shown) => person.until(
        (panel, shown) => {
          const { left, right } = document.querySelector(panel).getBoundingClientRect();
          const isInside = left >= 0 && right <= innerWidth;
          return shown ? isInside && !document.querySelector(panel).inert : document.querySelector(panel).inert;
        },
        `${panel} ${shown ? 'open' : 'closed'}`, panel, shown,
      );
      await isShown(false);
      await person.click(opener);
      await isShown(true);
      assert(await person.run((panel) => document.querySelector(panel).contains(document.activeElement), panel), `the focus is in ${panel}`);
      await person.press('Escape');
      await isShown(false);
      assert(await person.run((opener) => document.activeElement === document.querySelector(opener), opener), `the focus is back on ${opener}`);
    }
  });
}

/** The chat page in one of these browsers. */
class EngineChat {
  /** @param {Person} person */
  constructor(person) {
    this.person = person;
  }

  /** @param {string} state */
  is(state) {
    return this.person.until((state) => document.documentElement.dataset.connection === state, `the connection is ${state}`, state);
  }

  /** @param {string} name */
  async callMe(name) {
    await this.person.type('#name', name);
    await this.person.press('Enter');
    await this.person.until(() => document.getElementById('message').offsetHeight > 0, 'the message box');
  }

  /** @param {string} text */
  async say(text) {
    await this.person.type('#message', text);
    await this.person.press('Enter');
  }

  /** Resolves once the log has exactly these texts. @param {...string} texts */
  says(...texts) {
    return this.person.until(
      (texts) => JSON.stringify([...document.querySelectorAll('#log .text')].map(({ textContent }) => textContent)) === texts,
      `the log says ${texts}`, JSON.stringify(texts),
    );
  }

  /** @param {string} selector */
  count(selector) {
    return this.person.run((selector) => document.querySelectorAll(selector).length, selector);
  }

  hadNothingToComplainOf() {
    assert.deepEqual(this.person.complaints, []);
  }
}
