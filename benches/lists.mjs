// How publishing fares while the lists are asked for without a pause, and what
// a client costs that asks for a list and takes nothing.
//
//   node benches/lists.mjs target/release/sse-chat
//
// Each figure is of 20 s with 50 messages a second over one connection: without
// other load; with 200 connections on the members of a room of 9,000; with 200
// connections on the rooms of a server that has 9,900. The load runs in a process
// of its own. It needs Node and 20,000 open files.
//
// The client's times include what the machine takes to wake the two processes.
// The server's, from a request's head to its answer, do not: they are read off
// sse_chat_publish_seconds as the share of at most 5 ms.

import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { constants, setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const MEMBERS = 9_000;
const ROOMS = 9_900;
const CONNECTIONS = 200;
const SILENT = 500;
const SECONDS = 20;
const EVERY_MS = 20;
const FLAGS = [
  '--listen', '127.0.0.1:0', '--log-format', 'json', '--list-rooms',
  '--max-connections', '20000', '--room-rate', 'none', '--metrics', '127.0.0.1:0',
];

/** Answers on one connection, one after the other. */
class Client {
  #socket;
  #buffer = Buffer.alloc(0);
  #wake = () => {};

  static async connect(port) {
    const client = new Client();
    client.#socket = net.connect(port, '127.0.0.1');
    client.#socket.setNoDelay(true).on('error', () => {});
    client.#socket.on('data', (data) => {
      client.#buffer = client.#buffer.length ? Buffer.concat([client.#buffer, data]) : data;
      client.#wake();
    });
    await once(client.#socket, 'connect');
    return client;
  }

  /** Sends a request; gives the status and the bytes of the answer's body. */
  async ask(request) {
    this.#socket.write(request);
    for (;;) {
      const end = this.#buffer.indexOf('\r\n\r\n');
      if (end >= 0) {
        const head = this.#buffer.toString('latin1', 0, end);
        const whole = end + 4 + Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
        if (this.#buffer.length >= whole) {
          const answer = { status: Number(head.slice(9, 12)), bytes: whole - end - 4 };
          this.#buffer = this.#buffer.subarray(whole);
          return answer;
        }
      }
      await new Promise((wake) => { this.#wake = wake; });
    }
  }
}

const get = (path) => `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`;

function post(room, text) {
  const body = `name=Bench&message=${text}`;
  return `POST /rooms/${room}/messages HTTP/1.1\r\nhost: 127.0.0.1\r\n`
    + `content-type: application/x-www-form-urlencoded\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}

async function start(binary) {
  const child = spawn(binary, FLAGS, { stdio: ['ignore', 'ignore', 'pipe'] });
  process.on('exit', () => child.kill());
  const log = createInterface({ input: child.stderr });
  const { listen, metrics } = await new Promise((started) => {
    log.on('line', (line) => {
      const { level, fields } = JSON.parse(line);
      if (fields.listen) started(fields);
      else if (level !== 'INFO') console.error(line);
    });
  });
  return { child, port: Number(listen.split(':').at(-1)), metrics: `http://${metrics}/metrics` };
}

/** How many publishes the server has answered: all, and those within 5 ms. */
async function published(metrics) {
  const page = await (await fetch(metrics)).text();
  const count = (name) => Number(page.split('\n').find((line) => line.startsWith(name)).split(' ')[1]);
  return {
    all: count('sse_chat_publish_seconds_count'),
    fast: count('sse_chat_publish_seconds_bucket{le="0.005"}'),
  };
}

async function publish({ port, metrics }) {
  const before = await published(metrics);
  const client = await Client.connect(port);
  const times = [];
  const end = performance.now() + SECONDS * 1000;
  for (let due = performance.now(); due < end; due += EVERY_MS) {
    await new Promise((wake) => { setTimeout(wake, Math.max(0, due - performance.now())); });
    const began = performance.now();
    const { status } = await client.ask(post('bench', 'x'));
    if (status !== 201) throw new Error(`publish: ${status}`);
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  const at = (part) => times[Math.min(times.length - 1, Math.floor(times.length * part))].toFixed(2);
  const after = await published(metrics);
  const fast = (100 * (after.fast - before.fast)) / (after.all - before.all);
  return `publish p50 ${at(0.5)} ms, p90 ${at(0.9)} ms, p99 ${at(0.99)} ms; in the server ${fast.toFixed(1)} % within 5 ms`;
}

/** The same while a process of its own asks for `paths` on many connections. */
async function publishUnder(server, paths) {
  const load = fork(fileURLToPath(import.meta.url), ['load', String(server.port), ...paths]);
  await once(load, 'message');
  const times = await publish(server);
  const done = once(load, 'message');
  load.send('stop');
  const [{ answers, refused, bytes, seconds }] = await done;
  return `${times}; ${Math.round(answers / seconds)} answers/s of ${Math.round(bytes / answers)} bytes, ${Math.round(refused / seconds)} refused`;
}

async function load(port, paths) {
  // Clients elsewhere take no time of the server's cores.
  setPriority(constants.priority.PRIORITY_LOW);
  const clients = await Promise.all(Array.from({ length: CONNECTIONS }, () => Client.connect(port)));
  const began = performance.now();
  let answers = 0;
  let refused = 0;
  let bytes = 0;
  let going = true;
  process.once('message', () => { going = false; });
  process.send('ready');
  await Promise.all(clients.map(async (client, number) => {
    for (let turn = number; going; turn += 1) {
      const answer = await client.ask(get(paths[turn % paths.length]));
      // Pages of rooms that are not kept are made at a rate.
      if (answer.status === 429) {
        refused += 1;
        continue;
      }
      if (answer.status !== 200) throw new Error(`${answer.status}`);
      answers += 1;
      bytes += answer.bytes;
    }
  }));
  process.send({ answers, refused, bytes, seconds: (performance.now() - began) / 1000 });
  process.disconnect();
  process.exit();
}

async function join(port) {
  const streams = [];
  for (let number = 0; number < MEMBERS; number += 1) {
    const socket = net.connect(port, '127.0.0.1').on('error', () => {});
    socket.write(get(`/rooms/big/events?name=member${number}`));
    socket.on('data', () => {});
    streams.push(socket);
    if (number % 100 === 99) await once(socket, 'data');
  }
  return streams;
}

async function fill(port) {
  const client = await Client.connect(port);
  for (let number = 0; number < ROOMS; number += 1) {
    const { status } = await client.ask(post(`room${number}`, 'x'));
    if (status !== 201) throw new Error(`room ${number}: ${status}`);
  }
}

const privateKiB = (pid) => Number(/^Pss_Anon:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))[1]);

/** What the server holds for each client that asks and takes nothing. */
async function silent({ child, port }, path) {
  const before = privateKiB(child.pid);
  const sockets = [];
  for (let number = 0; number < SILENT; number += 1) {
    const socket = net.connect(port, '127.0.0.1').on('error', () => {});
    await once(socket, 'connect');
    socket.pause();
    socket.write(get(path).repeat(40));
    sockets.push(socket);
  }
  let [held, last] = [privateKiB(child.pid), 0];
  while (held > last * 1.01) {
    last = held;
    await new Promise((wake) => { setTimeout(wake, 5000); });
    held = privateKiB(child.pid);
  }
  const each = ((held - before) / SILENT).toFixed(1);
  sockets.forEach((socket) => socket.destroy());
  await new Promise((wake) => { setTimeout(wake, 1000); });
  return `${each} KiB for each of ${SILENT} clients that take nothing`;
}

if (process.argv[2] === 'load') {
  await load(Number(process.argv[3]), process.argv.slice(4));
} else {
  const members = await start(process.argv[2]);
  console.log(`no other load: ${await publish(members)}`);
  const streams = await join(members.port);
  console.log(`${MEMBERS} readers: ${await publish(members)}`);
  console.log(`${CONNECTIONS} on their list: ${await publishUnder(members, ['/rooms/big/members'])}`);
  console.log(`their list: ${await silent(members, '/rooms/big/members')}`);
  streams.forEach((stream) => stream.destroy());
  members.child.kill();
  const rooms = await start(process.argv[2]);
  await fill(rooms.port);
  console.log(`${CONNECTIONS} on ${ROOMS} rooms: ${await publishUnder(rooms, ['/rooms'])}`);
  const pages = Array.from({ length: 90 }, (_, page) => `/rooms?after=room${page * 110}`);
  console.log(`${CONNECTIONS} on all pages of them: ${await publishUnder(rooms, pages)}`);
  console.log(`the rooms: ${await silent(rooms, '/rooms?limit=500')}`);
  process.exit();
}
