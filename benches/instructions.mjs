// How many instructions one publish and one delivery take in the server, of one
// binary or of several side by side.
//
//   node benches/instructions.mjs target/release/sse-chat [other/sse-chat ...]
//
// valgrind counts them, so the figures are the same on a busy machine and on a
// quiet one, to about one in a hundred. They leave out what the kernel does. A
// machine of valgrind's has no SHA instructions: a publish with a `client_id`,
// whose request is hashed, takes some thousands less on most real ones.
//
// Each figure is the difference between a long and a short run, over the
// messages in between. Messages are published one at a time, each when the one
// before has reached all readers. It needs Node and valgrind.

import { spawn } from 'node:child_process';
import { createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';

const SHORT = 100;
const LONG = 1_100;
const WORKS = [
  { name: 'publish', readers: 0, client_id: false },
  { name: 'publish with client_id', readers: 0, client_id: true },
  { name: 'deliver to 100 readers', readers: 100, client_id: false },
  { name: 'publish with the token HS256', readers: 0, client_id: false, algorithm: 'HS256' },
  { name: 'publish with the token ES256', readers: 0, client_id: false, algorithm: 'ES256' },
  { name: 'publish with a new token HS256 each time', readers: 0, client_id: false, algorithm: 'HS256', fresh: true },
  { name: 'publish with a new token ES256 each time', readers: 0, client_id: false, algorithm: 'ES256', fresh: true },
];

/** A key for --token-key, and what makes tokens of it. A binary without tokens
 * refuses it: then the work has no figure. */
function newKey(algorithm, folder) {
  const file = `${folder}/key`;
  const encode = (json) => Buffer.from(JSON.stringify(json)).toString('base64url');
  const claims = (number) => encode({
    exp: Math.floor(Date.now() / 1000) + 3600, jti: `t${number}`, sub: 'bench', rooms: { write: ['*'] },
  });
  const signed = (text, signature) => `${text}.${signature.toString('base64url')}`;
  if (algorithm === 'HS256') {
    const secret = randomBytes(32).toString('base64url');
    writeFileSync(file, secret);
    return {
      file,
      token: oncePerNumber((number) => {
        const text = `${encode({ alg: algorithm })}.${claims(number)}`;
        return signed(text, createHmac('sha256', secret).update(text).digest());
      }),
    };
  }
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeFileSync(file, publicKey.export({ type: 'spki', format: 'pem' }));
  return {
    file,
    token: oncePerNumber((number) => {
      const text = `${encode({ alg: algorithm })}.${claims(number)}`;
      return signed(text, sign('sha256', text, { key: privateKey, dsaEncoding: 'ieee-p1363' }));
    }),
  };
}

/** Two signatures of the same claims may differ. */
function oncePerNumber(make) {
  const made = new Map();
  return (number) => {
    if (!made.has(number)) made.set(number, make(number));
    return made.get(number);
  };
}

/** A connection; `seen` counts how often `text` came. */
async function connect(port, text) {
  const socket = net.connect(port, '127.0.0.1').setEncoding('latin1');
  const connection = { socket, seen: 0, until: () => {} };
  let rest = '';
  socket.on('data', (data) => {
    const parts = (rest + data).split(text);
    connection.seen += parts.length - 1;
    rest = parts.at(-1).slice(1 - text.length);
    connection.until();
  });
  await once(socket, 'connect');
  return connection;
}

/** Waits until a connection has seen its text so many times. */
function seen(connection, times) {
  return new Promise((done) => {
    connection.until = () => { if (connection.seen >= times) done(); };
    connection.until();
  });
}

async function play(port, { readers, client_id, fresh }, messages, key) {
  const streams = [];
  for (let number = 0; number < readers; number += 1) {
    const stream = await connect(port, '\ndata: ');
    stream.socket.write('GET /rooms/bench/events HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await seen(stream, 1);
    streams.push(stream);
  }
  const sender = await connect(port, 'HTTP/1.1 201 ');
  for (let number = 1; number <= messages; number += 1) {
    const message = { name: 'Bench', message: 'x'.repeat(40) };
    if (client_id) message.client_id = `c${1_000_000 + number}`;
    const body = JSON.stringify(message);
    const authorization = key
      ? `authorization: Bearer ${key.token(fresh ? number : 0)}\r\n` : '';
    sender.socket.write(
      'POST /rooms/bench/messages HTTP/1.1\r\nhost: localhost\r\n'
      + authorization
      + `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    await Promise.all([seen(sender, number), ...streams.map((stream) => seen(stream, number + 1))]);
  }
  [sender, ...streams].forEach(({ socket }) => socket.destroy());
}

async function count(binary, work, messages) {
  const folder = mkdtempSync(`${tmpdir()}/instructions-`);
  const key = work.algorithm && newKey(work.algorithm, folder);
  const server = spawn('valgrind', [
    '--tool=callgrind', `--callgrind-out-file=${folder}/out`, binary,
    '--listen', '127.0.0.1:0', '--workers', '1', '--log-level', 'error',
    '--publish-rate', 'none', '--stream-rate', 'none',
    ...(key ? ['--token-key', key.file] : []),
  ], { stdio: ['ignore', 'pipe', 'pipe'] });
  const total = new Promise((found) => {
    createInterface({ input: server.stderr }).on('line', (line) => {
      const collected = /Collected : (\d+)/.exec(line);
      if (collected) found(Number(collected[1]));
    });
  });
  const first = once(createInterface({ input: server.stdout }), 'line');
  const line = (await Promise.race([first, once(server, 'exit').then(() => [null])]))[0];
  if (line === null) return NaN;
  await play(Number(/:(\d+)\/?$/.exec(line)[1]), work, messages, key);
  server.kill('SIGTERM');
  await once(server, 'exit');
  rmSync(folder, { recursive: true });
  return total;
}

async function perMessage(binary, work) {
  const [short, long] = [await count(binary, work, SHORT), await count(binary, work, LONG)];
  return (long - short) / (LONG - SHORT);
}

const binaries = process.argv.slice(2);
for (const work of WORKS) {
  const figures = [];
  for (const binary of binaries) figures.push(await perMessage(binary, work));
  const shown = figures.map((figure) => `${Math.round(figure)} (${(figure / figures[0]).toFixed(3)})`);
  console.log(`${work.name}: ${shown.join(', ')}`);
}
