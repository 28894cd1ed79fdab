// A certificate is renewed while readers and senders are at work: no stream is cut,
// no message is lost, and new connections get the new certificate.

import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import https from 'node:https';
import test from 'node:test';
import tls from 'node:tls';

import { certifyFor, renew } from './certificate.mjs';
import { eventsOverTls, Http2Client, Reader } from './https_reader.mjs';
import { Server, within } from './server.mjs';

const ROUNDS = 5;
/** What senders say in each round, at least. */
const SAID = 40;

const fingerprint = (text) => new X509Certificate(text).fingerprint256;

/** The certificate that a new connection gets. */
async function shown(server) {
  const { hostname, port } = new URL(server.url);
  const socket = tls.connect({ host: hostname, port, rejectUnauthorized: false });
  try {
    await within(once(socket, 'secureConnect'), 'a handshake');
    return socket.getPeerX509Certificate().fingerprint256;
  } finally {
    socket.destroy();
  }
}

/** Resolves once new connections get this certificate. */
async function untilShown(server, text) {
  const all = async () => { while (await shown(server) !== fingerprint(text)); };
  await within(all(), 'the new certificate');
}

/** Says messages over a connection of HTTP/1.1 that is kept. */
function senderOverTls(t, server, ca) {
  const agent = new https.Agent({ ca, keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const sockets = new Set();
  const say = async (room, name, message) => {
    const request = https.request(`${server.url}/rooms/${room}/messages`, {
      agent, method: 'POST', headers: { 'content-type': 'application/json' },
    });
    request.on('socket', (socket) => sockets.add(socket));
    request.end(JSON.stringify({ name, message }));
    const [answer] = await within(once(request, 'response'), 'an answer');
    answer.resume();
    await once(answer, 'end');
    assert.equal(answer.statusCode, 201);
  };
  return { say, connections: () => sockets.size };
}

test('a certificate is renewed under load', { timeout: 120_000 }, async (t) => {
  let pair = await certifyFor(t);
  const server = await Server.startSecure(t, pair, '--history', '100000');
  const ca = pair.text;
  const clients = Array.from({ length: 4 }, () => new Http2Client(t, server.url, { ca }));
  const readers = [
    ...clients.flatMap((client) => Array.from({ length: 10 }, () => new Reader(t, (cursor) => client.events('lobby', cursor)))),
    ...Array.from({ length: 20 }, () => new Reader(t, (cursor) => eventsOverTls(server.url, ca, 'lobby', cursor))),
  ];
  for (const reader of readers) await reader.until('hello', () => reader.count('hello') === 1);

  const overTls = [senderOverTls(t, server, ca), senderOverTls(t, server, ca)];
  let said = 0;
  let done = false;
  const sending = [clients[0], clients[1], ...overTls].map(async (sender, index) => {
    while (!done) {
      await sender.say('lobby', `sender ${index}`, `message ${said}`);
      said += 1;
    }
  });
  const work = Promise.all(sending);

  for (let round = 1; round <= ROUNDS; round += 1) {
    pair = await renew(pair);
    server.signal('SIGHUP');
    await untilShown(server, pair.text);
    const before = said;
    await Promise.race([work, readers[0].until('messages of this round', () => said >= before + SAID)]);
  }
  done = true;
  await within(work, 'the last answers');

  for (const reader of readers) {
    await reader.until('all messages', () => reader.messages.length >= said);
    const numbers = reader.messages.map(({ number }) => number);
    assert.deepEqual(numbers, Array.from({ length: said }, (_, index) => index + 1));
    assert.deepEqual([reader.count('hello'), reader.cuts, reader.ends], [1, 0, 0]);
  }
  assert.deepEqual(clients.map(({ connections }) => connections), [1, 1, 1, 1]);
  assert.deepEqual(overTls.map(({ connections }) => connections()), [1, 1]);
  console.log(`${said} messages over ${ROUNDS} certificates`);
});

test('a pair that is broken changes nothing, and the log says so', { timeout: 60_000 }, async (t) => {
  let pair = await certifyFor(t);
  const server = await Server.startSecure(t, pair);
  const reader = new Reader(t, (cursor) => eventsOverTls(server.url, pair.text, 'lobby', cursor));
  await reader.until('hello', () => reader.count('hello') === 1);
  const first = fingerprint(pair.text);
  await writeFile(pair.certificate, 'no certificate');
  const warned = (async () => {
    for await (const line of server.log) if (/WARN|ERROR/.test(line) && line.includes('certificate')) return line;
    throw new Error('the log ended');
  })();
  server.signal('SIGHUP');
  await within(warned, 'a line in the log');
  assert.equal(await shown(server), first);
  pair = await renew(pair);
  server.signal('SIGHUP');
  await untilShown(server, pair.text);
  await server.say('lobby', 'Alice', 'still here');
  await reader.until('the message', () => reader.messages.length === 1);
  assert.deepEqual([reader.cuts, reader.ends], [0, 0]);
});
