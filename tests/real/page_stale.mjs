// The page while the server is cut off from a history that it shares with others: it says
// that messages may be late, stays connected, and keeps what the server does not take.

import assert from 'node:assert/strict';
import test from 'node:test';

import { LIMIT, Person, QUICK } from './browser.mjs';
import { HttpProxy } from './http_proxy.mjs';
import { Server } from './server.mjs';

const EVENTS = /^GET \/events\?/;
const SAY = /^POST \/rooms\/[^/]+\/messages$/;
const FRESH = 'event: fresh\ndata:\n\n';
const LATE = 'Messages may arrive late: the server has a problem.';
const ON_TIME = 'Messages arrive on time again.';

/** @param {number} [ago] in ms */
const stale = (ago = 60_000) => `event: stale\ndata: {"since":"${new Date(Date.now() - ago).toISOString()}"}\n\n`;

/** What screen readers are given. */
const announced = (chat, text) => chat.has('#announcer', text);

/** With the worker that all tabs share, and without it. */
for (const [how, query] of [['a shared stream', ''], ['a stream of its own', '?shared=0']]) {
  test(`a page with ${how} shows that the history is stale, and that it is fresh again`, LIMIT, async (t) => {
    const server = await Server.start(t);
    const proxy = await HttpProxy.start(t, server.host);
    const person = await Person.arrive(t);
    const tabs = [await person.open(proxy.url + query, 'Alice')];
    await tabs[0].status.waitFor({ state: 'hidden' });
    proxy.add(EVENTS, stale());
    await tabs[0].status.filter({ hasText: LATE }).waitFor();
    await announced(tabs[0], LATE);
    // A tab that shares the stream learns it from the worker.
    if (!query) tabs.push(await person.open(proxy.url));
    for (const chat of tabs) {
      await chat.status.filter({ hasText: LATE }).waitFor();
      await chat.is('live');
      assert(await chat.page.getByRole('button', { name: 'Retry now' }).isHidden());
    }
    await tabs[0].say('meanwhile');
    for (const chat of tabs) await chat.says('meanwhile');
    proxy.add(EVENTS, FRESH);
    for (const chat of tabs) {
      await announced(chat, ON_TIME);
      await chat.status.waitFor({ state: 'hidden' });
    }
    person.hadNothingToComplainOf();
  });

  test(`a page with ${how} that reconnects says no more that the history is stale`, LIMIT, async (t) => {
    const server = await Server.start(t, ...QUICK);
    const proxy = await HttpProxy.start(t, server.host);
    const person = await Person.arrive(t);
    const chat = await person.open(proxy.url + query, 'Alice');
    proxy.add(EVENTS, stale());
    await chat.status.filter({ hasText: LATE }).waitFor();
    proxy.cut();
    await chat.is('waiting');
    await chat.page.waitForFunction((late) => {
      const status = document.getElementById('status');
      return status.hidden || !status.textContent.includes(late);
    }, LATE);
    await chat.is('live');
    await server.say('lobby', 'Carol', 'after');
    await chat.says('after');
    await chat.status.waitFor({ state: 'hidden' });
    // The next stream may be stale, too.
    proxy.add(EVENTS, stale());
    await chat.status.filter({ hasText: LATE }).waitFor();
    person.hadNothingToComplainOf({ netFailures: true });
  });
}

test('nothing is said of a history that is stale for a moment', LIMIT, async (t) => {
  const server = await Server.start(t);
  const proxy = await HttpProxy.start(t, server.host);
  const person = await Person.arrive(t);
  await person.context.addInitScript(() => {
    const { addEventListener } = EventSource.prototype;
    EventSource.prototype.addEventListener = function (type, heard) {
      addEventListener.call(this, type, (event) => {
        heard(event);
        window.came = type;
      });
    };
  });
  const chat = await person.open(`${proxy.url}?shared=0`, '', { clock: true });
  const send = async (name, text) => {
    proxy.add(EVENTS, text);
    await chat.page.waitForFunction((name) => window.came === name, name);
  };
  await chat.status.waitFor({ state: 'hidden' });
  await chat.stopTime();
  // By a clock that is ahead: the page does not wait longer for that.
  const hour = -3_600_000;
  await send('stale', stale(hour));
  await chat.page.clock.runFor(2_000);
  assert(await chat.status.isHidden());
  await send('fresh', FRESH);
  await chat.page.clock.runFor(5_000);
  assert(await chat.status.isHidden());
  await send('stale', stale(hour));
  await chat.page.clock.runFor(3_000);
  await chat.status.filter({ hasText: LATE }).waitFor();
});

test('a message that the server can’t save waits, says why, and is sent once', LIMIT, async (t) => {
  const server = await Server.start(t);
  const proxy = await HttpProxy.start(t, server.host);
  const person = await Person.arrive(t);
  const chat = await person.open(proxy.url, 'Alice');
  const body = JSON.stringify({ type: 'about:blank', title: '', status: 503, code: 'history_unavailable', detail: 'no' });
  proxy.answer(SAY, { status: 503, type: 'application/problem+json', headers: { 'retry-after': '1' }, body });
  await chat.say('safe');
  await chat.outbox.filter({ hasText: 'Will retry: the server can’t save messages right now' }).waitFor();
  assert(await chat.status.isHidden(), 'the connection is there');
  proxy.behave();
  await chat.says('safe');
  assert.equal((await server.said('lobby')).length, 1);
  person.hadNothingToComplainOf({ netFailures: true });
});
