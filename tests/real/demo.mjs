// A page like the original demo's, in Debian's Chromium.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import test from 'node:test';
import { promisify } from 'node:util';

import { Chat, LIMIT, Person, QUICK } from './browser.mjs';
import { Server } from './server.mjs';

test("the original demo's page works unchanged, and outlives a restart", LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const send = async (message) => {
    const url = `http://${server.host}/send.php?name=Alice&message=${message}`;
    const { stdout } = await promisify(execFile)('curl', ['--silent', '--max-time', '10', url]);
    assert.equal(stdout, '{"code":0,"msg":"success"}');
  };
  const rows = async (...messages) => {
    await demo.page.waitForFunction(
      (count) => document.querySelectorAll('#messages li').length >= count, messages.length,
    );
    const texts = await demo.page.locator('#messages li').allTextContents();
    assert.deepEqual(texts.map((text) => text.replace(/^\S+Z /, '')), messages.map((message) => `Alice: ${message}`));
  };
  await send('in_history');
  const person = await Person.arrive(t);
  const demo = new Chat(await person.context.newPage());
  const html = await readFile(new URL('demo.html', import.meta.url), 'utf8');
  await demo.page.route('**/demo.html', (route) => route.fulfill({ contentType: 'text/html', body: html }));
  await demo.page.goto(`${server.url}/demo.html`);
  await rows('in_history');
  await send('This_is_Alice');
  await rows('This_is_Alice', 'in_history');

  await server.kill();
  await server.startAgain();
  await send('after_the_restart');
  await rows('after_the_restart', 'This_is_Alice', 'in_history');
  const ids = await demo.page.locator('#messages li').evaluateAll((list) => list.map((row) => row.dataset.id));
  assert.equal(new Set(ids).size, 3);
  person.hadNothingToComplainOf({ netFailures: true });
});
