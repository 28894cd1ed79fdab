// The npm package `eventsource`: the EventSource of those who use node.

import assert from 'node:assert/strict';
import test from 'node:test';

import { EventSource } from 'eventsource';

import { Proxy } from './proxy.mjs';
import { Server, within } from './server.mjs';

/** A stream, and all that came. */
class Reader {
  events = [];
  /** What each request sent as Last-Event-ID. */
  cursors = [];
  #waiting = new Set();

  constructor(t, url) {
    const fetchAndNote = (input, init) => {
      this.cursors.push(new Headers(init.headers).get('last-event-id'));
      return fetch(input, init);
    };
    this.source = new EventSource(url, { fetch: fetchAndNote });
    t.after(() => this.source.close());
    for (const type of ['hello', 'update', 'gap', 'presence', 'ping', 'bye', 'close', 'busy', 'message']) {
      this.source.addEventListener(type, (event) => {
        this.events.push({ type, id: event.lastEventId, data: event.data && JSON.parse(event.data) });
        this.#waiting.forEach((check) => check());
      });
    }
  }

  of(type) {
    return this.events.filter((event) => event.type === type);
  }

  /** Resolves once `condition` holds; looked at after each event. */
  until(what, condition) {
    let check;
    const met = new Promise((resolve) => {
      check = () => condition() && resolve();
      this.#waiting.add(check);
      check();
    });
    return within(met, what).finally(() => this.#waiting.delete(check));
  }
}

test('a reader gets hello first, then what is said, with its id', { timeout: 60_000 }, async (t) => {
  const server = await Server.start(t);
  const reader = new Reader(t, `${server.url}/rooms/lobby/events`);
  await reader.until('hello', () => reader.events.length > 0);
  assert.equal(reader.events[0].type, 'hello');
  assert.equal(reader.events[0].data.cursor, reader.events[0].id);
  assert.match(reader.events[0].id, /^[a-z0-9]{1,16}-0$/);

  const messages = [];
  for (const text of ['one', 'two\nlines', 'data: x', '🎈 聊天']) messages.push(await server.say('lobby', 'Alice', text));
  await reader.until('four updates', () => reader.of('update').length === 4);
  assert.deepEqual(reader.of('update').map(({ data }) => data), messages);
  assert.deepEqual(reader.of('update').map(({ id }) => id), messages.map(({ id }) => id));
  assert.deepEqual(messages.map(({ number }) => number), [1, 2, 3, 4]);
});

test('a reader goes on by itself after kill -9 and a restart, and is told of it', { timeout: 60_000 }, async (t) => {
  const server = await Server.start(t, '--retry', '20ms..50ms');
  const reader = new Reader(t, `${server.url}/rooms/lobby/events`);
  await reader.until('hello', () => reader.of('hello').length === 1);
  const before = await server.say('lobby', 'Alice', 'before');
  await reader.until('the first update', () => reader.of('update').length === 1);

  await server.kill();
  await server.startAgain();
  await reader.until('a gap', () => reader.of('gap').length === 1);
  assert.deepEqual(reader.of('gap')[0].data, { room: 'lobby', reason: 'restart', lost: null, next: 1 });
  assert.equal(reader.cursors[0], null);
  assert(reader.cursors.length > 1);
  assert(reader.cursors.slice(1).every((cursor) => cursor === before.id), reader.cursors.join());

  const after = await server.say('lobby', 'Alice', 'after');
  await reader.until('the second update', () => reader.of('update').length === 2);
  assert.deepEqual(reader.of('update').map(({ data }) => data), [before, after]);
  assert.equal(after.number, 1);
  assert.notEqual(after.id.split('-')[0], before.id.split('-')[0]);
});

test('a reader that is told bye comes back to the next server', { timeout: 60_000 }, async (t) => {
  const server = await Server.start(t, '--retry', '20ms..50ms', '--grace', '10s');
  const reader = new Reader(t, `${server.url}/rooms/lobby/events`);
  await reader.until('hello', () => reader.of('hello').length === 1);
  await server.kill('SIGTERM');
  await reader.until('bye', () => reader.of('bye').length === 1);
  assert.equal(reader.of('bye')[0].data.reason, 'shutdown');
  await server.startAgain();
  await reader.until('the second hello', () => reader.of('hello').length === 2);
});

test('a stream cut at random bytes shows every message once, in order', { timeout: 60_000 }, async (t) => {
  const total = 300;
  const server = await Server.start(t, '--retry', '1ms..3ms');
  const drawn = [];
  const proxy = await Proxy.start(t, server.host, () => {
    drawn.push(1 + Math.floor(Math.random() * 2_500));
    return drawn.at(-1);
  });
  const reader = new Reader(t, `${proxy.url}/rooms/lobby/events?backlog=all`);
  const said = [];
  for (let number = 1; number <= total; number += 1) {
    said.push(await server.say('lobby', 'Alice', `${number}\n${'é聊🎈'.repeat(number % 7)}`));
    // In bursts, so that some are read live and some after a resume.
    if (number % 10 === 0) await reader.until(`message ${number}`, () => reader.of('update').length >= number);
  }
  await reader.until('all messages', () => reader.of('update').length >= total);
  const why = `cuts after ${drawn.join()} bytes`;
  assert.deepEqual(reader.of('update').map(({ data }) => data), said, why);
  assert.deepEqual(said.map(({ number }) => number), Array.from({ length: total }, (_, index) => index + 1));
  assert.deepEqual(reader.of('gap'), [], why);
  assert(proxy.cuts >= 20, `only ${proxy.cuts} cuts: nothing was proved`);
});

test('a reader whose place is no longer in history is told how many it missed', { timeout: 60_000 }, async (t) => {
  const server = await Server.start(t, '--retry', '20ms..50ms', '--history', '5');
  const proxy = await Proxy.start(t, server.host);
  const reader = new Reader(t, `${proxy.url}/rooms/lobby/events`);
  await reader.until('hello', () => reader.of('hello').length === 1);
  await server.say('lobby', 'Alice', '1');
  await reader.until('the first update', () => reader.of('update').length === 1);
  proxy.block();
  for (let number = 2; number <= 12; number += 1) await server.say('lobby', 'Alice', `${number}`);
  proxy.unblock();
  await reader.until('six updates', () => reader.of('update').length === 6);
  assert.deepEqual(reader.of('gap').map(({ data }) => data), [{ room: 'lobby', reason: 'evicted', lost: 6, next: 8 }]);
  assert.deepEqual(reader.of('update').map(({ data }) => data.number), [1, 8, 9, 10, 11, 12]);
});
