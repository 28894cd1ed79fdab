// The attack of siege.sh that takes many addresses: publishes far over the
// limit, and connections that are there to be a burden.
//
//   node tests/real/siege_flood.mjs URL SECONDS PUBLISHES CONNECTIONS
//
// PUBLISHES and CONNECTIONS are attempts a second. It ends with its own figures.

import net from 'node:net';

const [url, seconds, publishes, connections] = process.argv.slice(2);
const { hostname: host, port } = new URL(url);
const end = performance.now() + Number(seconds) * 1_000;
/** The interval between two steps. */
const TICK_MS = 20;
/** Requests of one publisher that wait for their answers. */
const MOST_WAITING = 32;

/** What happened, by name. @type {Record<string, number>} */
const counts = {};
const count = (what) => { counts[what] = (counts[what] ?? 0) + 1; };

const request = (method, path, fields = '') => `${method} ${path} HTTP/1.1\r\nHost: ${host}:${port}\r\n${fields}`;
const body = JSON.stringify({ name: 'siege', message: 'x'.repeat(4_000) });
const json = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
const PUBLISH = `${request('POST', '/rooms/siege/messages', json)}${body}`;
const HISTORY = `${request('GET', '/rooms/siege/messages?limit=500')}\r\n`;

function connect(localAddress) {
  const socket = net.connect({ host, port, localAddress });
  socket.on('error', () => count('connections reset or refused'));
  return socket;
}

/** A connection that publishes, made anew whenever it ends. */
class Publisher {
  #address;
  #socket;
  #waiting = 0;
  #rest = '';

  constructor(address) { this.#address = address; }

  publish() {
    if (!this.#socket || this.#socket.destroyed) this.#begin();
    if (this.#waiting >= MOST_WAITING) return count('publishes held back');
    this.#waiting += 1;
    this.#socket.write(PUBLISH);
  }

  #begin() {
    this.#waiting = 0;
    this.#rest = '';
    this.#socket = connect(this.#address).setEncoding('latin1').on('data', (text) => this.#read(text));
  }

  #read(text) {
    const all = this.#rest + text;
    for (const [, status] of all.matchAll(/HTTP\/1\.1 (\d{3}) /g)) {
      this.#waiting -= 1;
      count(`publishes answered with ${status}`);
    }
    // A part of a status line, and never a whole one.
    this.#rest = all.slice(-12);
  }

  end() { this.#socket?.destroy(); }
}

/** What a connection can be a burden by. Those that wait do so until the server ends it. @type {((socket: net.Socket) => void)[]} */
const BURDENS = [
  // Says nothing.
  () => {},
  // Half a head, half a body.
  (socket) => socket.write(request('GET', '/rooms/siege/events')),
  (socket) => socket.write(`${request('POST', '/rooms/siege/messages', json)}{`),
  // Wants all of history, and takes none.
  (socket) => socket.pause().write(HISTORY),
  // Wants much, and is gone.
  (socket) => socket.write(HISTORY, () => socket.resetAndDestroy()),
  (socket) => socket.write(`${request('GET', '/rooms/siege/events?backlog=all&name=siege')}\r\n`, () => socket.resetAndDestroy()),
  // No HTTP.
  (socket) => socket.write('\x16\x03\x01\x02\x00'.repeat(1_000), 'latin1'),
];

const publishers = Array.from({ length: 50 }, (_, at) => new Publisher(`127.0.2.${at + 1}`));
/** @type {Set<net.Socket>} */
const open = new Set();
let most = 0;
let made = 0;

function burden() {
  const socket = connect(`127.0.3.${(made % 250) + 1}`);
  open.add(socket);
  most = Math.max(most, open.size);
  socket.once('connect', () => BURDENS[Math.floor(Math.random() * BURDENS.length)](socket));
  socket.once('close', () => open.delete(socket));
  // Read and discard, so that the socket does not fill up.
  socket.on('data', () => {});
  made += 1;
}

let published = 0;
const began = performance.now();
const timer = setInterval(() => {
  const now = Math.min(performance.now(), end);
  const due = (rate) => Number(rate) * (now - began) / 1_000;
  for (; published < due(publishes); published += 1) publishers[published % publishers.length].publish();
  while (made < due(connections)) burden();
  if (now < end) return;
  clearInterval(timer);
  publishers.forEach((publisher) => publisher.end());
  open.forEach((socket) => socket.destroy());
  console.log(`flood: ${made} connections, ${most} at one time; ${published} publishes`);
  for (const [what, times] of Object.entries(counts).sort()) console.log(`flood: ${times} ${what}`);
}, TICK_MS);
