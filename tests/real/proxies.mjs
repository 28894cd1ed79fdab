// The recipes of docs/proxies/: nginx, HAProxy and Caddy before the server, and
// visitors who come to them over TLS.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import test from 'node:test';

import { BEHIND, Front, FRONTS, SITE } from './front.mjs';
import { Server, within } from './server.mjs';
import { PROTOCOLS, Visitor } from './visitor.mjs';

const LIMIT = { timeout: 90_000 };
/** How soon a message must be there. */
const SOON_MS = 1_000;
async function start(t, kind, ...flags) {
  const server = await Server.start(t, ...BEHIND, ...flags);
  return { server, front: await Front.start(t, kind, server) };
}

const isSoon = (times) => times.length > 0 && Math.max(...times) < SOON_MS;

/** Reads twenty messages. Resolves with the delivery times of hello and of each message. */
async function visitOnce(t, front, protocol) {
  const [reader, writer] = [new Visitor(t, front, protocol), new Visitor(t, front, protocol)];
  const asked = performance.now();
  const stream = await reader.listen('/rooms/lobby/events');
  await stream.until('hello', () => stream.of('hello').length === 1);
  const times = [performance.now() - asked];
  assert.equal(stream.headers['content-type'], 'text/event-stream');
  assert.equal(stream.headers['cache-control'], 'no-cache, no-store, no-transform');
  assert.equal(stream.headers['content-encoding'], undefined);
  for (let number = 1; number <= 20; number += 1) {
    const sent = performance.now();
    const message = await writer.say('lobby', 'Alice', `${number}: ${'é聊🎈'.repeat(number)}`);
    await stream.until('the message', () => stream.of('update').length === number);
    times.push(performance.now() - sent);
    assert.deepEqual(stream.of('update').at(-1), { type: 'update', id: message.id, data: message });
  }
  return times;
}

for (const kind of FRONTS) {
  for (const protocol of PROTOCOLS) {
    const how = `${kind}, ${protocol}`;

    test(`${how}: hello comes at once, and each message within a second`, LIMIT, async (t) => {
      const { front } = await start(t, kind);
      // A slow machine delays some events; a proxy that buffers delays all of them.
      let latest = [];
      for (let visit = 0; visit < 3 && !isSoon(latest); visit += 1) latest = await visitOnce(t, front, protocol);
      assert(isSoon(latest), String(latest));
    });

    test(`${how}: who was cut gets exactly what was missed`, LIMIT, async (t) => {
      const { front } = await start(t, kind);
      const [reader, writer] = [new Visitor(t, front, protocol), new Visitor(t, front, protocol)];
      const first = await reader.listen('/rooms/lobby/events');
      const seen = await writer.say('lobby', 'Alice', 'seen');
      await first.until('the message', () => first.of('update').length === 1);
      first.reset();
      const missed = [];
      for (const text of ['one', 'two', 'three']) missed.push(await writer.say('lobby', 'Alice', text));
      const again = new Visitor(t, front, protocol);
      const second = await again.listen('/rooms/lobby/events', { 'last-event-id': seen.id });
      await second.until('what was missed', () => second.of('update').length === 3);
      missed.push(await writer.say('lobby', 'Alice', 'live'));
      await second.until('what is new', () => second.of('update').length === 4);
      assert.deepEqual(second.of('update').map(({ data }) => data), missed);
      assert.deepEqual(second.of('gap'), []);
    });

    test(`${how}: a thousand messages of history come whole and in order`, LIMIT, async (t) => {
      const { server, front } = await start(t, kind);
      const said = [];
      for (let from = 0; from < 1_000; from += 50) {
        const batch = Array.from({ length: 50 }, (_, index) => `${from + index} ${'x'.repeat(2_000)}`);
        said.push(...await Promise.all(batch.map((text) => server.say('lobby', 'Alice', text))));
      }
      said.sort((a, b) => a.number - b.number);
      const stream = await new Visitor(t, front, protocol).listen('/rooms/lobby/events?backlog=all');
      await stream.until('all of it', () => stream.of('update').length === 1_000);
      assert.deepEqual(stream.of('update').map(({ data }) => data), said);
    });

    test(`${how}: refusals come from the server, with their headers`, LIMIT, async (t) => {
      const { front } = await start(t, kind, '--max-rooms', '1');
      const visitor = new Visitor(t, front, protocol);
      const json = { 'content-type': 'application/json' };
      await visitor.say('lobby', 'Alice', 'the one room');
      const refused = async (status, code, method, path, what) => {
        const answer = await visitor.ask(method, path, what);
        assert.equal(answer.headers['content-type'], 'application/problem+json', `${status} ${answer.body}`);
        assert.equal(answer.headers['cache-control'], 'no-store');
        const problem = JSON.parse(answer.body);
        assert.deepEqual([answer.status, problem.status, problem.code], [status, status, code]);
        return answer.headers;
      };
      const room = '/rooms/lobby/messages';
      const large = JSON.stringify({ name: 'Alice', message: 'x'.repeat(64 << 10) });
      // Several times, since the answer comes while the body is still on its way.
      for (let count = 0; count < 5; count += 1) {
        await refused(413, 'body_too_large', 'POST', room, { headers: json, body: large });
      }
      const long = JSON.stringify({ name: 'Alice', message: 'x'.repeat(5_000) });
      await refused(413, 'message_too_large', 'POST', room, { headers: json, body: long });
      await refused(400, 'invalid_json', 'POST', room, { headers: json, body: '{' });
      await refused(415, 'unsupported_media_type', 'POST', room, { headers: { 'content-type': 'text/xml' }, body: 'x' });
      await refused(404, 'not_found', 'GET', '/nothing');
      const { allow } = await refused(405, 'method_not_allowed', 'DELETE', room);
      assert.match(allow, /POST/);
      const full = await refused(503, 'too_many_rooms', 'POST', '/rooms/another/messages', {
        headers: json, body: JSON.stringify({ name: 'Alice', message: 'hi' }),
      });
      assert.equal(full['retry-after'], '60');
    });

    test(`${how}: the page comes with all its files, and only once`, LIMIT, async (t) => {
      const { front } = await start(t, kind);
      const visitor = new Visitor(t, front, protocol);
      const page = await visitor.ask('GET', '/r/lobby');
      assert.equal(page.status, 200);
      const named = [...page.body.toString().matchAll(/(?:src|href)="(\.\.\/assets\/[^"]+)"/g)];
      assert(named.length > 5);
      for (const [, relative] of named) {
        const { pathname } = new URL(relative, `https://${SITE}/r/lobby`);
        const file = await visitor.ask('GET', pathname, { headers: { 'accept-encoding': 'gzip, br' } });
        assert.equal(file.status, 200, pathname);
        if (/\.(js|css)$/.test(pathname)) assert.equal(file.headers['content-encoding'], 'br', pathname);
        const again = await visitor.ask('GET', pathname, {
          headers: { 'accept-encoding': 'gzip, br', 'if-none-match': file.headers.etag },
        });
        assert.deepEqual([again.status, again.body.length], [304, 0], pathname);
      }
    });

    test(`${how}: a restart of the server is a bye, a while of 502 or 503, and a gap`, LIMIT, async (t) => {
      const { server, front } = await start(t, kind);
      const visitor = new Visitor(t, front, protocol);
      const stream = await visitor.listen('/rooms/lobby/events');
      const before = await visitor.say('lobby', 'Alice', 'before');
      await stream.until('the message', () => stream.of('update').length === 1);
      await server.kill('SIGTERM');
      await stream.until('a clean end', () => stream.ended);
      assert.deepEqual(stream.events.at(-1).data.reason, 'shutdown');
      const down = await visitor.ask('GET', '/rooms/lobby/events');
      assert([502, 503].includes(down.status), String(down.status));
      await server.startAgain();
      const again = await visitor.listen('/rooms/lobby/events', { 'last-event-id': before.id });
      const after = await visitor.say('lobby', 'Alice', 'after');
      await again.until('the message', () => again.of('update').length === 1);
      assert.equal(again.of('gap')[0].data.reason, 'restart');
      assert.deepEqual(again.of('update')[0].data, after);
    });
  }
}

/** Does the same with each proxy over each protocol, at one time. @param {(kind: string, protocol: string) => Promise<void>} work */
const withEach = (work) => Promise.all(FRONTS.flatMap((kind) => PROTOCOLS.map((protocol) => work(kind, protocol))));

/** How a reader can leave. */
const WAYS = { 'HTTP/1.1': ['cancel', 'halfClose', 'reset'], 'HTTP/2': ['cancel', 'reset'] };

test('the server notices a reader that leaves, however it leaves', LIMIT, (t) => withEach(async (kind, protocol) => {
  // A ping must not be what detects it.
  const { front } = await start(t, kind, '--ping', '5m');
  const watcher = await new Visitor(t, front, protocol).listen('/rooms/lobby/events?presence=1');
  await Promise.all(WAYS[protocol].map(async (way) => {
    const stream = await new Visitor(t, front, protocol).listen(`/rooms/lobby/events?name=${way}`);
    const has = (what) => watcher.of('presence').some(({ data }) => data[what]?.some(({ name }) => name === way));
    await watcher.until(`${kind}, ${protocol}: ${way} is here`, () => has('joined'));
    stream[way]();
    // A member is kept for 5 s, since a reload is no leaving.
    await watcher.until(`${kind}, ${protocol}: ${way} is gone`, () => has('left'), 30_000);
  }));
}));

/**
 * Reads a room over any chain of streams: whenever one ends, the next goes on after the last id.
 * Resolves with the messages once there are `count`.
 */
async function follow(t, front, protocol, stream, count) {
  const messages = [...stream.of('update')];
  while (messages.length < count) {
    const seen = stream.of('update').length;
    await stream.until(`message ${messages.length + 1}`, () => stream.of('update').length > seen || stream.closed);
    messages.push(...stream.of('update').slice(seen));
    if (stream.closed && messages.length < count) {
      stream = await new Visitor(t, front, protocol)
        .listen('/rooms/lobby/events', { 'last-event-id': messages.at(-1).id });
      await stream.until('hello', () => stream.of('hello').length === 1);
      messages.push(...stream.of('update'));
    }
    assert.deepEqual(stream.of('gap'), []);
  }
  return messages.map(({ data }) => data);
}

/** Ways in which a proxy may end streams or leave them open; when it does so is its own affair. */
const INTERRUPTIONS = {
  reload: (front) => front.reload(),
  'kill and restart': (front) => front.restart(),
};

for (const [what, interrupt] of Object.entries(INTERRUPTIONS)) {
  test(`a ${what} of the proxy loses nothing`, LIMIT, (t) => withEach(async (kind, protocol) => {
    const { server, front } = await start(t, kind);
    const stream = await new Visitor(t, front, protocol).listen('/rooms/lobby/events');
    const published = [await server.say('lobby', 'Alice', 'before')];
    await stream.until(`${kind}, ${protocol}: the message`, () => stream.of('update').length === 1);
    await interrupt(front);
    published.push(await server.say('lobby', 'Alice', 'after'));
    const [chain, resumed] = await Promise.all([
      follow(t, front, protocol, stream, 2),
      new Visitor(t, front, protocol).listen('/rooms/lobby/events', { 'last-event-id': published[0].id }),
    ]);
    assert.deepEqual([kind, protocol, chain], [kind, protocol, published]);
    await resumed.until(`${kind}, ${protocol}: what was missed`, () => resumed.of('update').length === 1);
    assert.deepEqual([resumed.of('update')[0].data, resumed.of('gap')], [published[1], []]);
  }));
}

const IDLE_MS = 70_000;

test(`a stream in which nobody says anything for ${IDLE_MS / 1_000} s lives`, { timeout: 120_000 }, (t) => withEach(async (kind, protocol) => {
  const { server, front } = await start(t, kind);
  const how = `${kind}, ${protocol}`;
  const stream = await new Visitor(t, front, protocol).listen('/rooms/lobby/events');
  const began = performance.now();
  await stream.until(`${how}: a ping after so long`, () => performance.now() - began > IDLE_MS || stream.ended, 100_000);
  assert.deepEqual([how, stream.ended, stream.events[0].type], [how, false, 'hello']);
  const pings = stream.events.slice(1);
  // One after 13 to 15 s each.
  assert(pings.length >= 5 && pings.length <= 6, `${how}: ${pings.length} pings`);
  assert(pings.every(({ type }) => type === 'ping'), how);
  const message = await server.say('lobby', 'Alice', 'still there?');
  await stream.until(`${how}: the message`, () => stream.of('update').length === 1);
  assert.deepEqual(stream.of('update')[0].data, message);
}));

/** What a client would like to be taken for. */
const forged = (address) => ({ 'x-forwarded-for': address, forwarded: `for=${address}`, 'x-real-ip': address });

for (const kind of FRONTS) {
  for (const protocol of PROTOCOLS) {
    test(`${kind}, ${protocol}: the access log has the address of the client, whatever it claims`, LIMIT, async (t) => {
      const { server, front } = await start(t, kind, '--log-format', 'json', '--access-log');
      const logged = new Promise((resolve) => server.log.on('line', (line) => resolve(JSON.parse(line).fields)));
      const visitor = new Visitor(t, front, protocol, { localAddress: '127.0.0.2' });
      await visitor.ask('GET', '/rooms/lobby/members', { headers: forged('192.0.2.4') });
      const { path, client } = await within(logged, 'a line of the access log');
      assert.deepEqual({ path, client }, { path: '/rooms/lobby/members', client: '127.0.0.2' });
    });

    test(`${kind}, ${protocol}: limits are for the address of the client, whatever it claims`, LIMIT, async (t) => {
      const { front } = await start(t, kind, '--limit-loopback', '--max-streams-per-address', '1');
      const first = async (localAddress, claim) => {
        const stream = await new Visitor(t, front, protocol, { localAddress }).listen('/rooms/lobby/events', forged(claim));
        await stream.until('an event', () => stream.events.length > 0);
        return stream.events[0].type;
      };
      assert.equal(await first('127.0.0.2', '192.0.2.4'), 'hello');
      assert.equal(await first('127.0.0.2', '192.0.2.5'), 'busy');
      assert.equal(await first('127.0.0.3', '192.0.2.4'), 'hello');
    });
  }

  test(`${kind}: who comes without TLS is sent to where it is`, LIMIT, async (t) => {
    const { front } = await start(t, kind);
    const request = http.get({ host: '127.0.0.1', port: front.ports.http, path: '/r/lobby?a=b', headers: { host: SITE } });
    const [answer] = await within(once(request, 'response'), 'the answer');
    answer.resume();
    assert([301, 308].includes(answer.statusCode), String(answer.statusCode));
    const to = new URL(answer.headers.location);
    assert.deepEqual([to.protocol, to.hostname, to.pathname, to.search], ['https:', SITE, '/r/lobby', '?a=b']);
  });
}
