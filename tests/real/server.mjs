// The real binary, run for one test: started on a free port, killed, and
// started again on the same port.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';

import { freePorts } from './ports.mjs';

/** How long anything that a test awaits may take. */
export const DEADLINE_MS = 20_000;

const binary = process.env.SSE_CHAT_BIN;
assert(binary, 'SSE_CHAT_BIN names no binary: run `bash tests/run.sh real`');

/** Settles as `promise` does, or fails when the deadline is over. */
export async function within(promise, what, ms = DEADLINE_MS) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${ms} ms: ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));
// At such a signal, Playwright closes its browsers, and the tests would go on without them.
// `timeout` sends the first one. The handlers of `exit` end browsers and servers.
for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) {
  process.on(signal, () => {
    console.error(`ended by ${signal}`);
    process.exit(1);
  });
}

export class Server {
  /** Line by line, what it says on standard error. @type {import('node:readline').Interface} */
  log;
  #child;
  #flags;
  #addresses;

  /** Starts a server that ends with the test `t`. */
  static async start(t, ...flags) {
    // Reserve a port for the whole test, because the server may be started again on it.
    const [port] = await freePorts(1);
    return this.#startOn(t, [`127.0.0.1:${port}`], flags);
  }

  /**
   * Starts one whose `url` is https. `say` and `said` use another port, in clear.
   * @param {{certificate: string, key: string}} pair files
   */
  static async startSecure(t, { certificate, key }, ...flags) {
    const [secure, clear] = await freePorts(2);
    const addresses = [`https://127.0.0.1:${secure}`, `http://127.0.0.1:${clear}`];
    return this.#startOn(t, addresses, ['--tls-cert', certificate, '--tls-key', key, ...flags]);
  }

  static async #startOn(t, addresses, flags) {
    const server = new Server();
    server.#flags = flags;
    server.#addresses = addresses;
    t.after(() => server.kill());
    await server.#spawn();
    return server;
  }

  async #spawn() {
    const folder = process.env.SSE_CHAT_ASSETS_DIR;
    const assets = folder && !this.#flags.includes('--assets-dir') ? ['--assets-dir', folder] : [];
    const listen = this.#addresses.flatMap((address) => ['--listen', address]);
    const args = [...listen, '--log-level', 'warn', ...assets, ...this.#flags];
    const child = spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(child);
    child.once('exit', () => running.delete(child));
    this.#child = child;
    this.log = createInterface({ input: child.stderr }).on('line', (line) => console.error(line));
    const lines = createInterface({ input: child.stdout });
    const [line] = await within(
      Promise.race([
        once(lines, 'line'),
        once(child, 'exit').then(([code]) => { throw new Error(`the server exited with ${code}`); }),
      ]),
      'the line that says what to open',
    );
    const [, urls] = /^sse-chat \d+\.\d+\.\d+: open (\S+( or \S+)*)$/.exec(line) ?? [];
    assert(urls, `not the line that says what to open: ${line}`);
    const [url] = urls.split(' or ');
    assert.match(url, /^https?:\/\/127\.0\.0\.1:\d+$/);
    this.url = url;
    this.clear = urls.split(' or ').at(-1);
    this.host = new URL(url).host;
  }

  /** `kill -9`, by default. Done when the process is gone. */
  async kill(signal = 'SIGKILL') {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.kill(signal);
    await within(exit, `the exit after ${signal}`);
  }

  /** Starts it again where it was. @param {...string} flags more of them */
  async startAgain(...flags) {
    const { url } = this;
    this.#flags.push(...flags);
    await this.#spawn();
    assert.equal(this.url, url);
  }

  /** Sends a signal to the process. @param {NodeJS.Signals} name */
  signal(name) {
    this.#child.kill(name);
  }

  /** Its memory now, and at most so far, in bytes. */
  async memory() {
    const text = await readFile(`/proc/${this.#child.pid}/status`, 'utf8');
    const figure = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)[1]) * 1_024;
    return { now: figure('VmRSS'), most: figure('VmHWM') };
  }

  /** Says a message in a room; resolves with it. */
  async say(room, name, message) {
    const response = await fetch(`${this.clear}/rooms/${encodeURIComponent(room)}/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name, message }),
    });
    assert.equal(response.status, 201);
    return response.json();
  }

  /** The last messages of a room. */
  async said(room) {
    const response = await fetch(`${this.clear}/rooms/${encodeURIComponent(room)}/messages?limit=500`);
    assert.equal(response.status, 200);
    return (await response.json()).messages;
  }
}
