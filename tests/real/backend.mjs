// The programs of docs/backend.md, each in its language: it publishes an event
// that a reader gets, and publishes it once though its first answers are lost.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { EventSource } from 'eventsource';
import { SignJWT } from 'jose';

import { HttpProxy } from './http_proxy.mjs';
import { Server, within } from './server.mjs';
import { snippetFolder, snippets } from './snippets.mjs';

const PYTHON = fileURLToPath(new URL('venv/bin/python', import.meta.url));
const LIMIT = { timeout: 180_000 };

/**
 * @typedef {object} Program
 * @property {string[]} files the blocks; the first is the program
 * @property {(file: string) => [string, ...string[]]} command
 * @property {Record<string, string>} [env]
 * @property {(text: string) => string} [change] what differs from the block
 * @property {boolean} [givesUp] at a first answer 503
 */

/** @type {Record<string, Program>} */
const PROGRAMS = {
  'sse-chat': { files: ['publish.sh'], command: (file) => ['bash', '-euo', 'pipefail', file], givesUp: true },
  'openssl and curl': { files: ['openssl.sh'], command: (file) => ['bash', '-euo', 'pipefail', file] },
  Python: { files: ['publish.py'], command: (file) => [PYTHON, file] },
  Node: { files: ['publish.mjs', 'sse_chat.mjs'], command: (file) => ['node', file] },
  Go: {
    files: ['publish.go'],
    command: (file) => ['go', 'run', file],
    // Debian has version 4, at the path of versions before modules.
    change: (text) => text.replace('golang-jwt/jwt/v5', 'golang-jwt/jwt'),
    env: { GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOFLAGS: '' },
  },
  PHP: { files: ['publish.php'], command: (file) => ['php', file] },
  Ruby: { files: ['publish.rb'], command: (file) => ['ruby', file] },
};

const folder = mkdtempSync(join(tmpdir(), 'sse-chat-key-'));
process.on('exit', () => rmSync(folder, { recursive: true }));
const key = randomBytes(32).toString('base64url');
writeFileSync(join(folder, 'key'), `${key}\n`);

const token = (rooms) => new SignJWT({ rooms })
  .setProtectedHeader({ alg: 'HS256' })
  .setExpirationTime('10 minutes')
  .sign(new TextEncoder().encode(key));

/** The events `news` of the room, as a reader with a token gets them. */
async function read(t, server) {
  const reader = { events: [] };
  const authorization = `Bearer ${await token({ read: ['news'] })}`;
  const source = new EventSource(`${server.url}/rooms/news/events`, {
    fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, authorization } }),
  });
  t.after(() => source.close());
  await within(new Promise((resolve) => source.addEventListener('hello', resolve)), 'hello');
  reader.next = new Promise((resolve) => {
    source.addEventListener('news', ({ data, lastEventId }) => {
      reader.events.push({ data, id: lastEventId });
      resolve();
    });
  });
  return reader;
}

/** Runs a program to its end; resolves with its standard output. */
async function run(t, { files, command, env = {}, change = (text) => text }, url) {
  const place = await snippetFolder(t, files, key, (_, text) => change(text));
  const [program, ...args] = command(files[0]);
  const { stdout } = await within(promisify(execFile)(program, args, {
    cwd: place,
    env: {
      PATH: `${dirname(process.env.SSE_CHAT_BIN)}:${process.env.PATH}`,
      HOME: process.env.HOME ?? folder,
      GOCACHE: join(folder, 'go'),
      SSE_CHAT_URL: url,
      ...env,
    },
  }), program, 120_000);
  return stdout;
}

test('every block of a program is run', async () => {
  const languages = /\.(sh|py|go|php|rb)$|^publish\.mjs$/;
  const programs = [...(await snippets()).keys()].filter((name) => languages.test(name));
  assert.deepEqual(programs.sort(), Object.values(PROGRAMS).map(({ files }) => files[0]).sort());
});

for (const [name, program] of Object.entries(PROGRAMS)) {
  test(`${name} publishes an event, once though answers are lost`, LIMIT, async (t) => {
    const server = await Server.start(t, '--token-key', join(folder, 'key'));
    const proxy = await HttpProxy.start(t, server.host);
    // The server takes the first request, and its answer is lost. The second is refused for a moment.
    proxy.loseAnswer(/^POST /);
    if (!program.givesUp) proxy.answer(/^POST /, { status: 503, body: '', headers: { 'retry-after': '0' } }, 1);
    const reader = await read(t, server);
    const printed = await run(t, program, proxy.url);
    await within(reader.next, 'the event');
    assert.deepEqual(reader.events, [{ id: printed.trim(), data: '<li>Build 7 is live</li>\n' }]);
    assert.equal(proxy.count(/^POST /), program.givesUp ? 2 : 3);
    // Once more it is a repetition, and nothing is published.
    assert.equal(await run(t, program, server.url), printed);
    const response = await fetch(`${server.url}/rooms/news/messages`, {
      headers: { authorization: `Bearer ${await token({ read: ['news'] })}` },
    });
    assert.equal((await response.json()).messages.length, 1);
  });
}
