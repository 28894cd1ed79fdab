// The real binary, run for one test: started on a free port, killed, and
// started again on the same port.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
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

export class Server {
  /** Line by line, what it says on standard error. @type {import('node:readline').Interface} */
  log;
  #child;
  #flags;

  /** Starts a server that ends with the test `t`. */
  static async start(t, ...flags) {
    const server = new Server();
    server.#flags = flags;
    t.after(() => server.kill());
    // Reserve a port for the whole test, because the server may be started again on it.
    const [port] = await freePorts(1);
    await server.#spawn(`127.0.0.1:${port}`);
    return server;
  }

  async #spawn(address) {
    const folder = process.env.SSE_CHAT_ASSETS_DIR;
    const assets = folder && !this.#flags.includes('--assets-dir') ? ['--assets-dir', folder] : [];
    const args = ['--listen', address, '--log-level', 'warn', ...assets, ...this.#flags];
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
    const [, url] = /^sse-chat \d+\.\d+\.\d+: open (http:\/\/127\.0\.0\.1:\d+)$/.exec(line) ?? [];
    assert(url, `not the line that says what to open: ${line}`);
    this.url = url;
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
    await this.#spawn(this.host);
    assert.equal(this.url, url);
  }

  /** Says a message in a room; resolves with it. */
  async say(room, name, message) {
    const response = await fetch(`${this.url}/rooms/${encodeURIComponent(room)}/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name, message }),
    });
    assert.equal(response.status, 201);
    return response.json();
  }

  /** The last messages of a room. */
  async said(room) {
    const response = await fetch(`${this.url}/rooms/${encodeURIComponent(room)}/messages?limit=500`);
    assert.equal(response.status, 200);
    return (await response.json()).messages;
  }
}
