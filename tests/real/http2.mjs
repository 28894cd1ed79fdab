// HTTP/2 as node's own client speaks it, over TLS and in clear.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import test from 'node:test';

import { certifyFor } from './certificate.mjs';
import { Http2Client, Reader } from './https_reader.mjs';
import { Proxy } from './proxy.mjs';
import { Server, within } from './server.mjs';

const LIMIT = { timeout: 60_000 };
/** Larger than all that a test sends, so that no stream takes it from another. */
const LARGE_WINDOW = 1 << 24;

const numbers = (reader) => reader.messages.map(({ number }) => number);
const upTo = (count) => Array.from({ length: count }, (_, index) => index + 1);

for (const scheme of ['https', 'http']) {
  /** A server, its URL, and what a client must know. */
  const start = async (t, ...flags) => {
    if (scheme === 'http') {
      const server = await Server.start(t, ...flags);
      return { server, url: server.url, options: {} };
    }
    const pair = await certifyFor(t);
    const server = await Server.startSecure(t, pair, ...flags);
    return { server, url: server.url, options: { ca: pair.text } };
  };

  test(`${scheme}: a hundred streams of one connection get all that is said on it`, LIMIT, async (t) => {
    const { url, options } = await start(t);
    const client = new Http2Client(t, url, options);
    const readers = upTo(100).map(() => new Reader(t, (cursor) => client.events('lobby', cursor)));
    for (const reader of readers) await reader.until('hello', () => reader.count('hello') === 1);
    const gone = readers.splice(0, 50);
    for (const text of ['one', 'two']) await client.say('lobby', 'Alice', text);
    for (const reader of readers) await reader.until('two messages', () => reader.messages.length === 2);
    gone.forEach((reader) => reader.close());
    const last = await client.say('lobby', 'Alice', 'three');
    for (const reader of readers) {
      await reader.until('the third message', () => reader.messages.length === 3);
      assert.deepEqual(reader.messages.at(-1), last);
      assert.deepEqual([reader.cuts, reader.ends], [0, 0]);
    }
    const page = await client.ask({ ':path': '/' });
    assert.equal(page.status, 200);
    assert.match(page.head['content-type'], /^text\/html/);
    assert.equal(client.connections, 1);
  });

  test(`${scheme}: cut at any byte, readers get each message once`, LIMIT, async (t) => {
    const { server, url, options } = await start(t, '--retry', '20ms..50ms');
    // Over TLS the first cuts come before the largest record is whole.
    const proxy = await Proxy.start(t, server.host, () => 2_000 + Math.floor(Math.random() * 20_000));
    const through = url.replace(/:\d+$/, `:${new URL(proxy.url).port}`);
    const readers = upTo(6).map(() => {
      const client = new Http2Client(t, through, { ...options, servername: 'localhost' });
      return new Reader(t, (cursor) => client.events('lobby', cursor));
    });
    for (const reader of readers) await reader.until('hello', () => reader.count('hello') > 0);
    for (const number of upTo(400)) await server.say('lobby', 'Alice', `message ${number} ${'x'.repeat(200)}`);
    for (const reader of readers) {
      await reader.until('all messages', () => reader.messages.length >= 400);
      assert.deepEqual(numbers(reader), upTo(400));
      assert(reader.cuts > 0, 'it was cut');
      assert.equal(reader.count('gap'), 0);
    }
  });

  test(`${scheme}: at the end each stream gets bye and its end, and the connection GOAWAY`, LIMIT, async (t) => {
    const { server, url, options } = await start(t, '--grace', '20s');
    const client = new Http2Client(t, url, options);
    const readers = upTo(5).map(() => new Reader(t, (cursor) => client.events('lobby', cursor)));
    for (const reader of readers) await reader.until('hello', () => reader.count('hello') === 1);
    const { session } = client;
    const goaway = once(session, 'goaway');
    const closed = once(session, 'close');
    await server.kill('SIGTERM');
    const [code] = await within(goaway, 'GOAWAY');
    assert.equal(code, 0, 'no error');
    await within(closed, 'the end of the connection');
    for (const reader of readers) {
      await reader.until('its end', () => reader.ends === 1);
      assert.equal(reader.events.at(-1), 'bye');
    }
  });

  test(`${scheme}: a stream that is not read is reset after --stall, and the others of its connection go on`, LIMIT, async (t) => {
    const { server, url, options } = await start(t, '--stall', '2s', '--ping', '1s');
    const client = new Http2Client(t, url, options);
    await once(client.session, 'connect');
    client.session.setLocalWindowSize(LARGE_WINDOW);
    const stopped = await client.events('lobby');
    const reset = new Promise((resolve) => { stopped.on('close', () => resolve(stopped.rstCode)); });
    stopped.on('error', () => {});
    stopped.pause();
    const reader = new Reader(t, (cursor) => client.events('lobby', cursor));
    await reader.until('hello', () => reader.count('hello') === 1);
    // More than the window of a stream.
    for (const number of upTo(100)) await server.say('lobby', 'Alice', `message ${number} ${'x'.repeat(3_900)}`);
    await reader.until('all messages', () => reader.messages.length === 100);
    // Node reports the end of a stream once it is read.
    const read = await within(reset.then((code) => code), 'the reset');
    assert.notEqual(read, 0, 'by a reset');
    await server.say('lobby', 'Alice', 'still here');
    await reader.until('one more', () => reader.messages.length === 101);
    assert.deepEqual(numbers(reader), upTo(101));
    assert.deepEqual([reader.cuts, reader.ends, client.connections], [0, 0, 1]);
  });
}
