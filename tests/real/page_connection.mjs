// The chat page's connection: it reconnects after every failure, shows a status if
// that takes long, and neither loses nor duplicates messages.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Chat, ELSEWHERE, elsewhere, LIMIT, Person, QUICK } from './browser.mjs';
import { HttpProxy } from './http_proxy.mjs';
import { Proxy } from './proxy.mjs';
import { Server } from './server.mjs';

const EVENTS = /^GET \/events\?/;
const RESUMED = /^GET \/events\?.*last_event_id=[a-z0-9]+-\d+/;
const SAY = /^POST \/rooms\/[^/]+\/messages$/;
const RESTART = 'Messages may be missing: the server restarted.';

/** With the worker that all tabs share, and without it. */
for (const [how, query] of [['a shared stream', ''], ['a stream of its own', '?shared=0']]) {
  test(`a page with ${how} outlives kill -9: what was typed is sent, once, in its order`, LIMIT, async (t) => {
    const server = await Server.start(t, ...QUICK);
    const person = await Person.arrive(t);
    const [one, two] = [await person.open(server.url + query, 'Alice'), await person.open(server.url + query)];
    await one.say('before');
    for (const chat of [one, two]) await chat.says('before');

    await one.message.pressSequentially('half a th');
    await server.kill();
    await one.is('waiting');
    // The page does not interrupt typing: the text can be completed and sent.
    await one.message.pressSequentially('ought');
    assert.equal(await one.message.inputValue(), 'half a thought');
    await one.message.press('Enter');
    await one.say('and a second');
    await one.has('#outbox .text', 'half a thought', 'and a second');
    await one.message.pressSequentially('not yet sent');

    await server.startAgain();
    for (const chat of [one, two]) {
      await chat.is('live');
      await chat.has('#log .gap', RESTART);
      await chat.says('before', 'half a thought', 'and a second');
    }
    assert.equal(await one.outbox.count(), 0);
    assert.equal(await one.message.inputValue(), 'not yet sent');
    await two.say('after');
    await one.says('before', 'half a thought', 'and a second', 'after');
    assert.deepEqual((await server.said('lobby')).map(({ message }) => message), ['half a thought', 'and a second', 'after']);
    person.hadNothingToComplainOf({ netFailures: true });
  });

  test(`a page with ${how} whose stream a proxy answers with 502 comes back, from where it was`, LIMIT, async (t) => {
    const server = await Server.start(t, ...QUICK);
    const proxy = await HttpProxy.start(t, server.host);
    const person = await Person.arrive(t);
    const chat = await person.open(proxy.url + query);
    await server.say('lobby', 'Carol', 'before');
    await chat.says('before');
    proxy.answer(EVENTS, { status: 502, body: 'bad gateway' }, 3);
    const resumed = proxy.next(RESUMED);
    proxy.cut();
    await chat.is('waiting');
    await server.say('lobby', 'Carol', 'meanwhile');
    await resumed;
    await chat.says('before', 'meanwhile');
    await chat.is('live');
    await chat.has('#log .gap');
    person.hadNothingToComplainOf({ netFailures: true });
  });
}

test('a message whose answer was lost is said once', LIMIT, async (t) => {
  const server = await Server.start(t);
  const proxy = await HttpProxy.start(t, server.host);
  const person = await Person.arrive(t);
  const chat = await person.open(proxy.url, 'Alice');
  proxy.loseAnswer(SAY, 2);
  await chat.say('once');
  await chat.say('and then');
  await chat.says('once', 'and then');
  await chat.has('#outbox > li');
  assert.deepEqual((await server.said('lobby')).map(({ message }) => message), ['once', 'and then']);
  person.hadNothingToComplainOf({ netFailures: true });
});

test('a message that was said before a restart and again after it stands on both sides of the gap for others, and once for its sender', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const proxy = await HttpProxy.start(t, server.host);
  const [alice, bob] = [await Person.arrive(t), await Person.arrive(t)];
  const [here, there] = [await alice.open(proxy.url, 'Alice'), await bob.open(server.url, 'Bob')];
  proxy.answer(EVENTS, { status: 502, body: '' });
  proxy.cut();
  await here.is('waiting');
  // The page may retry before the server has ended: lose that answer as well.
  proxy.loseAnswer(SAY, Infinity);
  await here.say('both times the same');
  await there.says('both times the same');
  await server.kill();
  await server.startAgain();
  proxy.behave();
  await here.says('both times the same');
  // Only the sender's page can tell that both are the same message.
  await there.says('both times the same', 'both times the same');
  for (const chat of [here, there]) await chat.has('#log .gap', RESTART);
  await there.say('yes');
  await here.says('both times the same', 'yes');
  assert.equal((await server.said('lobby')).length, 2);
});

test('the network is gone for a minute, and told so: nothing is lost', LIMIT, async (t) => {
  for (const seconds of [5, 60]) {
    const server = await Server.start(t, ...QUICK, ...ELSEWHERE);
    const person = await Person.arrive(t);
    const chat = await person.open(elsewhere(`${server.url}?shared=0`), 'Alice', { clock: true });
    await chat.say('before');
    await chat.says('before');
    // On a slow machine the status may have appeared while the page connected.
    await chat.status.waitFor({ state: 'hidden' });
    await chat.stopTime();
    await person.context.setOffline(true);
    await chat.is('waiting');
    assert(await chat.status.isHidden(), 'a moment is nobody’s concern');
    await chat.say('said in the dark');
    await chat.page.clock.runFor(seconds * 1_000);
    await chat.status.filter({ hasText: 'You’re offline.' }).waitFor();
    await server.say('lobby', 'Carol', 'said outside');
    await chat.has('#outbox .text', 'said in the dark');
    await person.context.setOffline(false);
    await chat.page.clock.resume();
    await chat.is('live');
    await chat.says('before', 'said outside', 'said in the dark');
    await chat.has('#log .gap');
    assert.deepEqual((await server.said('lobby')).length, 3);
    person.hadNothingToComplainOf({ netFailures: true });
  }
});

test('a letter that gets no answer does not make a page try that knows it is offline', LIMIT, async (t) => {
  const server = await Server.start(t, ...ELSEWHERE);
  const person = await Person.arrive(t);
  const chat = await person.open(elsewhere(`${server.url}?shared=0`), 'Alice', { clock: true });
  await chat.page.route('**/messages', () => new Promise(() => {}));
  await chat.stopTime();
  await person.context.setOffline(true);
  await chat.say('said in the dark');
  await chat.has('#outbox .text', 'said in the dark');
  await chat.page.clock.runFor(30_000);
  await chat.status.filter({ hasText: 'You’re offline.' }).waitFor();
  await chat.page.unroute('**/messages');
  await person.context.setOffline(false);
  await chat.page.clock.resume();
  await chat.says('said in the dark');
});

test('a server on this machine needs no network', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  for (const url of [server.url, server.url.replace('127.0.0.1', 'localhost')]) {
    const chat = await person.open(url, 'Alice');
    await chat.page.evaluate(() => {
      Object.defineProperty(navigator, 'onLine', { get: () => false });
      dispatchEvent(new Event('offline'));
    });
    // If the page had closed its stream, it would reconnect only when it is visible again.
    await server.say('lobby', 'Carol', url);
    await chat.log.filter({ hasText: url }).waitFor();
    await chat.is('live');
  }
});

test('a tunnel: the connection goes silent without a word, and comes back when there is light', LIMIT, async (t) => {
  const server = await Server.start(t, '--ping', '200ms');
  const proxy = await Proxy.start(t, server.host);
  const person = await Person.arrive(t);
  const chat = await person.open(proxy.url, 'Alice');
  await server.say('lobby', 'Carol', 'before');
  await chat.says('before');
  proxy.enterTunnel();
  await server.say('lobby', 'Carol', 'meanwhile');
  await chat.say('from the train');
  await chat.is('waiting');
  await chat.status.filter({ hasText: /Disconnected/ }).waitFor();
  await chat.page.evaluate(() => {
    const status = document.getElementById('status');
    window.told = '';
    const look = () => { if (!status.hidden) window.told += status.textContent; };
    new MutationObserver(look).observe(status, { childList: true, subtree: true, characterData: true });
  });
  proxy.leaveTunnel();
  await chat.is('live');
  await chat.says('before', 'meanwhile', 'from the train');
  await chat.has('#log .gap');
  // This status is shown only for a moment.
  await chat.page.waitForFunction(() => window.told.includes('Back online.'));
  await chat.status.waitFor({ state: 'hidden' });
});

test('a tunnel whose dead connections are never ended: what was said in it goes out soon after', LIMIT, async (t) => {
  const server = await Server.start(t);
  const proxy = await Proxy.start(t, server.host);
  const person = await Person.arrive(t);
  const chat = await person.open(proxy.url, 'Alice');
  await chat.say('before');
  await chat.says('before');
  proxy.enterTunnel();
  await chat.say('from the train');
  await chat.has('#outbox .text', 'from the train');
  proxy.leaveTunnel(false);
  const light = Date.now();
  await chat.page.evaluate(() => dispatchEvent(new Event('online')));
  await chat.says('before', 'from the train');
  // A request times out after 15 s by default, and there are several dead connections.
  assert(Date.now() - light < 18_000);
  assert.equal((await server.said('lobby')).length, 2);
});

test('who looks at the page again and again does not keep it from connecting', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = new Chat(await person.context.newPage());
  const { page } = chat;
  let streams = 0;
  page.on('request', (request) => { streams += Number(request.url().includes('/events?')); });
  await page.route('**/events?*', () => new Promise(() => {}));
  await page.clock.install();
  await page.clock.pauseAt(Date.now() + 1_000);
  const first = page.waitForRequest(/\/events\?/);
  await page.goto(`${server.url}?shared=0`);
  await first;
  // An attempt begins now and may take some seconds. The page gets the focus several
  // times within a fraction of that.
  await page.clock.runFor(2_000);
  const request = page.waitForRequest(/\/events\?/);
  await page.evaluate(() => dispatchEvent(new Event('online')));
  await request;
  const before = streams;
  for (let look = 0; look < 5; look += 1) {
    await page.evaluate(() => dispatchEvent(new Event('focus')));
    await page.clock.runFor(300);
  }
  // After this request, all earlier ones have been counted.
  await page.evaluate(() => fetch('/healthz'));
  assert.equal(streams, before);
});

test('nothing is said of a short loss; of a long one when it will try again', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const person = await Person.arrive(t);
  const chat = await person.open(`${server.url}?shared=0`, '', { clock: true });
  await chat.status.waitFor({ state: 'hidden' });
  await chat.stopTime();
  await server.kill();
  await chat.is('waiting');
  assert(await chat.status.isHidden());
  await chat.page.clock.resume();
  await chat.status.filter({ hasText: /Reconnecting in \d+ s/ }).waitFor();
  // With the clock stopped, the page reconnects only on request.
  await chat.stopTime();
  await chat.is('waiting');
  await server.startAgain();
  await chat.page.getByRole('button', { name: 'Retry now' }).click();
  await chat.is('live');
  person.hadNothingToComplainOf({ netFailures: true });
});

test('waits are random, grow to half a minute, and are never shorter than a quarter of a second', LIMIT, async (t) => {
  const server = await Server.start(t);
  const chat = await (await Person.arrive(t)).open(server.url);
  const waits = (luck) => chat.with('stream/connection.js', `async ({ Connection }) => {
    const waits = [];
    const [{ random }, { now }] = [Math, Date];
    const { setTimeout, EventSource, fetch } = window;
    try {
      Math.random = () => ${luck};
      const time = now();
      Date.now = () => time;
      // Each attempt is refused at once, and each backoff ends at once.
      window.EventSource = class { static CLOSED = 2; readyState = 2; close() {}
        addEventListener(type, heard) { if (type === 'error') queueMicrotask(heard); } };
      window.fetch = () => Promise.reject();
      let next;
      window.setTimeout = (work, ms) => (next = work, 1);
      const connection = new Connection(new URL(location.href), ({ state, retryAt }) => {
        if (state === 'waiting') waits.push(Math.round((retryAt - time) / 10) * 10);
      });
      connection.subscribe({ rooms: ['lobby'], name: '' });
      for (let turn = 0; turn < 8; turn += 1) {
        await null;
        await null;
        next();
      }
      connection.stop();
      return waits.slice(0, 7);
    } finally {
      Math.random = random;
      Date.now = now;
      Object.assign(window, { setTimeout, EventSource, fetch });
    }
  }`);
  assert.deepEqual(await waits(0.999999), [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  assert.deepEqual(await waits(0), Array(7).fill(250));
});

for (const [how, query] of [['a shared stream', ''], ['a stream of its own', '?shared=0']]) {
  test(`a page with ${how} that comes back from where the browser keeps old pages goes on where it was`, LIMIT, async (t) => {
    const server = await Server.start(t, ...QUICK);
    const proxy = await HttpProxy.start(t, server.host);
    const person = await Person.arrive(t);
    const chat = await person.open(proxy.url + query, 'Alice');
    await chat.say('before');
    await chat.says('before');
    proxy.answer(SAY, { status: 502, body: '' });
    await chat.say('written before');
    await chat.has('#outbox .text', 'written before');
    // Playwright disables the back/forward cache, so the test dispatches its events.
    const tell = (type) => chat.page.evaluate((type) => dispatchEvent(new PageTransitionEvent(type, { persisted: true })), type);
    await tell('pagehide');
    await proxy.ended(EVENTS);
    await server.say('lobby', 'Carol', 'meanwhile');
    proxy.behave();
    await tell('pageshow');
    await chat.says('before', 'meanwhile', 'written before');
    await chat.is('live');
    await chat.has('#log .gap');
    assert.deepEqual((await server.said('lobby')).length, 3);
  });
}

test('seven tabs share one stream, and the seventh talks', LIMIT, async (t) => {
  const server = await Server.start(t);
  const proxy = await HttpProxy.start(t, server.host);
  const person = await Person.arrive(t);
  await person.trustsWorkers();
  const tabs = [await person.open(proxy.url, 'Alice')];
  while (tabs.length < 7) tabs.push(await person.open(proxy.url));
  // The first tab opened one stream before it had a name, and one after.
  assert.equal(proxy.count(EVENTS), 2);
  await tabs[6].say('from the seventh');
  await tabs[6].says('from the seventh');
  await tabs[0].say('from the first');
  for (const chat of tabs) await chat.says('from the seventh', 'from the first');
  // A letter that was late may have made it anew, but it is one.
  assert.equal(proxy.open(EVENTS), 1);
  const streams = proxy.count(EVENTS);
  await tabs[3].has('#people-list .name', 'Alice');
  // A closed tab does not end the shared stream; the last tab does.
  for (const { page } of tabs.splice(0, 6)) await page.close();
  await server.say('lobby', 'Carol', 'who is left?');
  await tabs[0].says('from the seventh', 'from the first', 'who is left?');
  assert.deepEqual([proxy.open(EVENTS), proxy.count(EVENTS)], [1, streams]);
  person.hadNothingToComplainOf();
});

test('rooms and names of one tab are those of all', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const [one, two] = [await person.open(server.url, 'Alice'), await person.open(server.url)];
  await one.join('garden');
  await two.has('#room-list .room-name', 'lobby', 'garden');
  await two.callMe('Alicia');
  await one.has('#me .name', 'Alicia');
  await server.say('garden', 'Carol', 'roses');
  await one.says('roses');
  await one.rooms.filter({ hasText: 'garden' }).hover();
  await one.page.getByRole('button', { name: 'Leave garden' }).click();
  await two.has('#room-list .room-name', 'lobby');
});

test('a browser whose worker never answers has a stream of its own', LIMIT, async (t) => {
  for (const broken of ['mute', 'missing', 'throwing']) {
    const server = await Server.start(t);
    const person = await Person.arrive(t);
    await person.context.addInitScript((broken) => {
      if (broken === 'missing') delete window.SharedWorker;
      else window.SharedWorker = class extends EventTarget {
        constructor() {
          super();
          if (broken === 'throwing') throw new DOMException('no', 'SecurityError');
          this.port = new MessageChannel().port1;
        }
      };
    }, broken);
    const chat = await person.open(server.url, 'Alice');
    await chat.say('hello');
    await chat.says('hello');
    await server.say('lobby', 'Carol', 'hi');
    await chat.says('hello', 'hi');
    person.hadNothingToComplainOf();
  }
});

test('a worker that the browser has ended is missed when somebody looks', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  await person.endWorkers();
  const own = chat.page.waitForRequest(/\/events\?/);
  await chat.page.evaluate(() => dispatchEvent(new Event('focus')));
  await own;
  await server.say('lobby', 'Carol', 'hello');
  await chat.says('hello');
  person.hadNothingToComplainOf();
});

test('what was missed is loaded even if that fails at first, and no hole of the page’s own is shown', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  await server.say('lobby', 'Carol', 'before');
  await chat.says('before');
  await person.endWorkers();
  for (const text of ['missed 1', 'missed 2']) await server.say('lobby', 'Carol', text);
  await chat.page.route(/\/messages\?/, (route) => route.abort(), { times: 1 });
  await chat.page.evaluate(() => dispatchEvent(new Event('focus')));
  await chat.page.getByText('Couldn’t load messages.').waitFor();
  await server.say('lobby', 'Carol', 'next');
  await chat.pill.waitFor();
  await chat.page.getByRole('button', { name: 'Try again' }).click();
  await chat.says('before', 'missed 1', 'missed 2', 'next');
  await server.say('lobby', 'Carol', 'and on');
  await chat.says('before', 'missed 1', 'missed 2', 'next', 'and on');
  assert.equal(await chat.log.locator('.gap').count(), 0);
  person.hadNothingToComplainOf({ netFailures: true });
});

test('a page that is given all of history again shows nothing twice, and no hole where there is none', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const person = await Person.arrive(t);
  const chat = await person.open(`${server.url}?shared=0`);
  for (const text of ['1', '2']) await server.say('lobby', 'Carol', text);
  await chat.says('1', '2');
  await chat.page.route('**/events?*', (route) =>
    route.continue({ url: route.request().url().replace(/last_event_id=[^&]+/, 'last_event_id=garbage') }));
  await chat.join('other');
  await chat.page.goBack();
  await chat.has('h1', 'lobby');
  await server.say('lobby', 'Carol', '3');
  await chat.says('1', '2', '3');
  await chat.has('#log .gap');
});

test('a connection that goes silent is made anew; one with pings is not', LIMIT, async (t) => {
  // With this interval, three seconds in which the machine pauses are not yet silence.
  const server = await Server.start(t, '--ping', '2s');
  const proxy = await Proxy.start(t, server.host);
  const person = await Person.arrive(t);
  const asked = [];
  person.context.on('request', (request) => asked.push(request.url()));
  const chat = await person.open(`${proxy.url}?shared=0`);
  await server.say('lobby', 'Carol', 'before');
  await chat.says('before');
  // Pings without messages keep the connection.
  await chat.page.evaluate(() => new Promise((resolve) => {
    let pings = 0;
    const other = new EventSource('/rooms/other/events');
    other.addEventListener('ping', () => {
      pings += 1;
      if (pings < 4) return;
      other.close();
      resolve();
    });
  }));
  assert.equal(asked.filter((url) => url.includes('/events?')).length, 1);
  const resumed = chat.page.waitForRequest((request) => /[?&]last_event_id=[a-z0-9]+-1(&|$)/.test(request.url()));
  proxy.freeze();
  await server.say('lobby', 'Carol', 'meanwhile');
  await resumed;
  await chat.says('before', 'meanwhile');
  await chat.is('live');
  person.hadNothingToComplainOf();
});

test('a page that is told bye comes back to the next server', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK, '--grace', '10s');
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  await server.kill('SIGTERM');
  await chat.is('waiting');
  await server.startAgain();
  await chat.is('live');
  await chat.say('hello again');
  await chat.says('hello again');
  person.hadNothingToComplainOf({ netFailures: true });
});

test('a page comes back after busy, and stays away after close', LIMIT, async (t) => {
  const server = await Server.start(t);
  const proxy = await HttpProxy.start(t, server.host);
  const person = await Person.arrive(t);
  await person.trustsWorkers();
  const type = 'text/event-stream';
  proxy.answer(EVENTS, { status: 200, type, body: 'event: busy\ndata: {"reason":"connections","retry_ms":100}\n\n' }, 1);
  proxy.answer(EVENTS, { status: 200, type, body: 'event: close\ndata: {"reason":"done"}\n\n' });
  const page = await person.context.newPage();
  await page.goto(proxy.url);
  await page.locator('html[data-connection=closed]').waitFor({ state: 'attached' });
  await page.locator('#status').filter({ hasText: 'Reload the page' }).waitFor();
  await page.evaluate(() => {
    dispatchEvent(new Event('online'));
    return fetch('/healthz');
  });
  assert.equal(proxy.count(EVENTS), 2);
  person.hadNothingToComplainOf();
});

test('a remembered name that the server refuses leaves a page that reads', LIMIT, async (t) => {
  const server = await Server.start(t);
  const proxy = await HttpProxy.start(t, server.host);
  const person = await Person.arrive(t);
  const body = '{"code":"invalid_name","detail":"no","status":400,"title":"Bad Request","type":"about:blank"}';
  proxy.answer(/^(GET|HEAD) \/events\?.*name=Alice/, { status: 400, type: 'application/problem+json', body });
  await person.context.addInitScript(() => localStorage.setItem('sse-chat.name', '"Alice"'));
  const page = await person.context.newPage();
  await page.goto(proxy.url);
  await page.getByRole('alert').filter({ hasText: 'doesn’t accept this name' }).waitFor();
  await server.say('lobby', 'Carol', 'hello');
  await page.locator('#log').getByText('hello').waitFor();
  await page.locator('#name').fill('Bob');
  await page.locator('#name').press('Enter');
  await page.locator('#message').fill('hi');
  await page.locator('#message').press('Enter');
  await page.locator('#log').getByText('hi').waitFor();
});

test('what could not be sent survives a reload, and a closed tab', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const proxy = await HttpProxy.start(t, server.host);
  const person = await Person.arrive(t);
  const chat = await person.open(proxy.url, 'Alice');
  proxy.answer(SAY, { status: 502, body: '' });
  for (const text of ['one', 'two', 'three']) await chat.say(text);
  await chat.has('#outbox .text', 'one', 'two', 'three');
  await chat.page.reload();
  await chat.has('#outbox .text', 'one', 'two', 'three');
  await chat.page.close();
  const next = await person.open(proxy.url);
  await next.has('#outbox .text', 'one', 'two', 'three');
  proxy.behave();
  await next.page.reload();
  await next.says('one', 'two', 'three');
  assert.deepEqual((await server.said('lobby')).map(({ message }) => message), ['one', 'two', 'three']);
  await next.has('#log .own .text', 'one', 'two', 'three');
});

test('what a page left that crashed is there when its tab is', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const proxy = await HttpProxy.start(t, server.host);
  const person = await Person.arrive(t);
  // A page that crashes, or that a phone discards, gets no event before it ends.
  await person.context.addInitScript(() => addEventListener('pagehide', (event) => event.stopImmediatePropagation()));
  const chat = await person.open(proxy.url, 'Alice');
  proxy.answer(SAY, { status: 502, body: '' });
  await chat.say('in the tunnel');
  await chat.has('#outbox .text', 'in the tunnel');
  await chat.page.reload();
  await chat.has('#outbox .text', 'in the tunnel');
  proxy.behave();
  await chat.says('in the tunnel');
  assert.equal((await server.said('lobby')).length, 1);
});

test('a room that takes nothing holds up no other', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const proxy = await HttpProxy.start(t, server.host);
  const person = await Person.arrive(t);
  const chat = await person.open(proxy.url, 'Alice');
  proxy.answer(/^POST \/rooms\/lobby/, { status: 503, body: '' });
  await chat.say('one');
  await chat.has('#outbox .text', 'one');
  await chat.join('garden');
  await chat.say('two');
  await chat.says('two');
  proxy.behave();
  await chat.rooms.filter({ hasText: 'lobby' }).click();
  await chat.says('one');
});
