// What tokens cost the server: CPU time of a publish, and memory of a stream.
//
//   node benches/tokens.mjs target/dist/sse-chat [BEFORE]
//
// Each publish is on one of eight connections, with no token, with one of HS256 and
// with one of ES256, in five rounds that alternate; the figure is the median of user
// and system time per publish. BEFORE is another binary, which gets no token. The
// memory is the growth of the resident set by 9,000 streams, divided by their number;
// single runs scatter by 50 bytes. It needs Linux, Node and 20,000 open files.

import { execFileSync, spawn } from 'node:child_process';
import { generateKeyPairSync, sign } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';

const ROUNDS = 5;
const CONNECTIONS = 8;
const PUBLISHES = 6_000;
const STREAMS = 9_000;
const NONE = { flags: [], header: '' };

const [binary, before] = process.argv.slice(2);
const folder = mkdtempSync(`${tmpdir()}/tokens-`);
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

/** Keys, and a header with a token of each. */
function tokens() {
  const encode = (json) => Buffer.from(JSON.stringify(json)).toString('base64url');
  writeFileSync(`${folder}/hs`, 'x'.repeat(40));
  const hs = execFileSync(binary, [
    'token', '--key', `${folder}/hs`, '--write', '*', '--sub', 'bench', '--for', '1h',
  ], { encoding: 'utf8' }).trim();
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeFileSync(`${folder}/es`, publicKey.export({ type: 'spki', format: 'pem' }));
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const text = `${encode({ alg: 'ES256' })}.${encode({ exp, sub: 'bench', rooms: { write: ['*'] } })}`;
  const signature = sign('sha256', text, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  const of = (file, token) => ({
    flags: ['--token-key', `${folder}/${file}`], header: `authorization: Bearer ${token}\r\n`,
  });
  return { HS256: of('hs', hs), ES256: of('es', `${text}.${signature.toString('base64url')}`) };
}

async function start(program, flags) {
  const server = spawn(program, [
    '--listen', '127.0.0.1:0', '--workers', '1', '--log-level', 'error',
    '--publish-rate', 'none', '--room-rate', 'none', '--stream-rate', 'none',
    '--max-connections', '20000', '--max-connections-per-address', '20000',
    '--max-streams-per-address', '20000', ...flags,
  ], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await once(createInterface({ input: server.stdout }), 'line');
  return { server, port: Number(/:(\d+)\/?$/.exec(line)[1]) };
}

async function connect(port) {
  const socket = net.connect(port, '127.0.0.1').setEncoding('latin1');
  await once(socket, 'connect');
  return socket;
}

/** Sends a request and waits for the begin of its answer. */
async function ask(socket, request, expected) {
  const answered = once(socket, 'data');
  socket.write(request);
  const [answer] = await answered;
  if (!answer.includes(expected)) throw new Error(answer);
}

/** Microseconds of CPU time per publish. */
async function publish(program, { flags, header }) {
  const { server, port } = await start(program, flags);
  const body = JSON.stringify({ name: 'Bench', message: 'x'.repeat(40) });
  const request = `POST /rooms/bench/messages HTTP/1.1\r\nhost: localhost\r\n${header}`
    + `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  const ticks = () => {
    const fields = readFileSync(`/proc/${server.pid}/stat`, 'utf8').split(') ')[1].split(' ');
    return Number(fields[11]) + Number(fields[12]);
  };
  const play = (count) => Promise.all(Array.from({ length: CONNECTIONS }, async () => {
    const socket = await connect(port);
    for (let number = 0; number < count; number += 1) await ask(socket, request, ' 201 ');
    socket.destroy();
  }));
  await play(200);
  const begin = ticks();
  await play(PUBLISHES);
  const used = ticks() - begin;
  server.kill('SIGKILL');
  // A tick is 10 ms.
  return used * 10_000 / (PUBLISHES * CONNECTIONS);
}

/** Bytes of resident memory per stream. */
async function streams({ flags, header }) {
  const { server, port } = await start(binary, flags);
  const resident = () => Number(/Rss:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/smaps_rollup`, 'utf8'))[1]);
  const begin = resident();
  const open = [];
  for (let number = 0; number < STREAMS; number += 1) {
    const socket = await connect(port);
    await ask(socket, `GET /rooms/bench/events HTTP/1.1\r\nhost: localhost\r\n${header}\r\n`, 'hello');
    socket.resume();
    open.push(socket);
  }
  const used = resident() - begin;
  open.forEach((socket) => socket.destroy());
  server.kill('SIGKILL');
  return used * 1024 / STREAMS;
}

const works = { ...(before && { before: NONE }), 'no token': NONE, ...tokens() };
const times = Object.fromEntries(Object.keys(works).map((name) => [name, []]));
const memory = { 'no token': [], HS256: [] };
for (let round = 0; round < ROUNDS; round += 1) {
  for (const [name, work] of Object.entries(works)) {
    times[name].push(await publish(name === 'before' ? before : binary, work));
  }
  for (const name of Object.keys(memory)) memory[name].push(await streams(works[name]));
}
rmSync(folder, { recursive: true });
for (const [name, list] of Object.entries(times)) {
  const ratio = median(times['no token']) / median(list);
  console.log(`publish, ${name}: ${median(list).toFixed(2)} us, ${ratio.toFixed(3)} times as fast as with no token`);
}
for (const [name, list] of Object.entries(memory)) console.log(`a stream, ${name}: ${median(list).toFixed(0)} bytes`);
