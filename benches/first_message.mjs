// How long a first visit takes until a message is visible: Chromium, with a latency of
// 400 ms for each request and 50 KB/s. The cache is empty.
//
//     node benches/first_message.mjs target/release/sse-chat [RUNS]
//
// Chromium delays requests of the page, and not those of the SharedWorker, which come
// after the first message.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { chromium } from '../tests/real/node_modules/playwright-core/index.mjs';

const LATENCY_MS = 400;
const BYTES_PER_S = 50_000;
const MESSAGES = 60;

const [binary, runs = '5'] = process.argv.slice(2);
if (!binary) {
  console.error('usage: node benches/first_message.mjs BINARY [RUNS]');
  process.exit(2);
}

const server = spawn(binary, ['--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] });
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'] });
try {
  const [line] = await once(createInterface(server.stdout), 'line');
  const url = /http:\/\/\S+/.exec(line)?.[0];
  for (let n = 1; n <= MESSAGES; n += 1) {
    const body = new URLSearchParams({ name: n % 3 ? 'Ada' : 'Grace', message: `${n}: a message of the usual length, in two or three lines of a phone.` });
    await fetch(`${url}/rooms/lobby/messages`, { method: 'POST', body });
  }
  const results = [];
  for (let run = 0; run < Number(runs); run += 1) {
    const result = await visit(`${url}/r/lobby`);
    console.log(`${Math.round(result.ms)} ms, ${result.requests} requests, ${result.bytes} bytes; live after ${Math.round(result.liveMs)} ms`);
    results.push(result);
  }
  const median = (key) => results.map((result) => result[key]).sort((a, b) => a - b)[Math.floor(results.length / 2)];
  console.log(`median: first message after ${Math.round(median('ms'))} ms, ${median('requests')} requests and ${median('bytes')} bytes before it, live after ${Math.round(median('liveMs'))} ms`);
} finally {
  await browser.close();
  server.kill();
}

/** @param {string} address */
async function visit(address) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const session = await context.newCDPSession(page);
  const [requests, bytes] = [[], []];
  session.on('Network.requestWillBeSent', ({ timestamp }) => requests.push(timestamp));
  session.on('Network.dataReceived', ({ timestamp, encodedDataLength }) => bytes.push([timestamp, encodedDataLength]));
  await session.send('Network.enable');
  await session.send('Network.emulateNetworkConditions', {
    offline: false, latency: LATENCY_MS, downloadThroughput: BYTES_PER_S, uploadThroughput: BYTES_PER_S,
  });
  // The frame in which a message is painted; the time since the navigation began.
  await page.addInitScript(() => {
    const watch = () => requestAnimationFrame((now) => {
      if (document.querySelector('#log .message .text')) globalThis.firstMessageAt ??= now;
      if (document.documentElement?.dataset.connection === 'live') globalThis.liveAt ??= now;
      if (!globalThis.firstMessageAt || !globalThis.liveAt) watch();
    });
    watch();
  });
  await page.goto(address, { waitUntil: 'commit' });
  await page.waitForFunction(() => globalThis.firstMessageAt && globalThis.liveAt, null, { timeout: 60_000 });
  const [ms, liveMs] = await page.evaluate(() => [globalThis.firstMessageAt, globalThis.liveAt]);
  await context.close();
  const until = requests[0] + ms / 1_000;
  return {
    ms,
    liveMs,
    requests: requests.filter((at) => at <= until).length,
    bytes: bytes.reduce((sum, [at, length]) => sum + (at <= until ? length : 0), 0),
  };
}
