// How the chat page bears 10,000 messages in a minute: what a person would
// feel of it. Not a test, since it depends on the machine.
//
//   SSE_CHAT_BIN=target/release/sse-chat node tests/real/flood.mjs [SLOWDOWN]
//
// SLOWDOWN: how many times slower the page's thread is made, 1 by default.

import test, { after, before } from 'node:test';

import { Chat, launch } from './browser.mjs';
import { Server } from './server.mjs';

const MESSAGES = 10_000;
const SECONDS = 60;
const slowdown = Number(process.argv[2] ?? 1);

let browser;
before(async () => { browser = await launch(); });
after(() => browser.close());

test('a flood', { timeout: 180_000 }, async (t) => {
  const server = await Server.start(t);
  const chat = new Chat(await (await browser.newContext()).newPage());
  await chat.page.goto(server.url);
  await chat.is('live');
  await chat.callMe('Alice');
  const cdp = await chat.page.context().newCDPSession(chat.page);
  await cdp.send('Emulation.setCPUThrottlingRate', { rate: slowdown });
  await chat.page.evaluate(() => {
    window.long = [];
    window.keys = [];
    new PerformanceObserver((list) => window.long.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: 'longtask' });
    new PerformanceObserver((list) => window.keys.push(...list.getEntries().filter(({ name }) => name === 'keydown').map(({ duration }) => duration)))
      .observe({ type: 'event', durationThreshold: 16 });
  });
  const from = performance.now();
  const pending = [];
  for (let number = 1; number <= MESSAGES; number += 1) {
    const due = from + number * SECONDS * 1_000 / MESSAGES;
    // The pace is what is measured under; nothing waits for a result by it.
    while (performance.now() < due) await new Promise((resolve) => setTimeout(resolve, due - performance.now()));
    pending.push(server.say('lobby', `Person ${number % 17}`, `message ${number}: **some** text with \`code\` and https://example.org/${number}`));
    if (number % 100 === 0) await chat.message.press('x');
  }
  await Promise.all(pending);
  await chat.log.getByText(`message ${MESSAGES}:`).waitFor();
  const { long, keys } = await chat.page.evaluate(() => ({ long: window.long, keys: window.keys }));
  const rows = await chat.log.locator('li').count();
  const worst = (times) => Math.round(Math.max(0, ...times));
  console.log(`${MESSAGES} messages in ${((performance.now() - from) / 1_000).toFixed(1)} s, page slowed ${slowdown} times: `
    + `${long.length} tasks over 50 ms, the longest ${worst(long)} ms; `
    + `a key took ${worst(keys)} ms at most until it was seen; ${rows} rows on the page`);
});
