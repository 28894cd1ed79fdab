// The chat page over https and HTTP/2 without a proxy. Without the worker that tabs
// share, a browser has six connections of HTTP/1.1 for all of them.

import assert from 'node:assert/strict';
import test from 'node:test';

import { LIMIT, Person, QUICK } from './browser.mjs';
import { certifyFor } from './certificate.mjs';
import { Server } from './server.mjs';

const TABS = 30;

/** What the page came over. */
const protocol = (page) => page.evaluate(() => performance.getEntriesByType('navigation')[0].nextHopProtocol);

const start = async (t) => Server.startSecure(t, await certifyFor(t), ...QUICK);

test('two people talk over https, and come back to a server that was started again', LIMIT, async (t) => {
  const server = await start(t);
  const [alice, bob] = [await Person.arrive(t), await Person.arrive(t)];
  const here = await alice.open(server.url, 'Alice');
  const there = await bob.open(server.url, 'Bob');
  assert.deepEqual([await protocol(here.page), await protocol(there.page)], ['h2', 'h2']);
  assert(await here.page.evaluate(() => isSecureContext && location.protocol === 'https:'));
  await here.say('hello');
  await there.says('hello');
  await there.say('hello, Alice');
  await here.says('hello', 'hello, Alice');

  await server.kill('SIGTERM');
  await here.is('waiting');
  await here.say('meanwhile');
  await server.startAgain();
  await here.is('live');
  await there.is('live');
  await there.says('hello', 'hello, Alice', 'meanwhile');
  for (const person of [alice, bob]) person.hadNothingToComplainOf({ netFailures: true });
});

test(`${TABS} tabs of a browser without the shared worker get every message`, LIMIT, async (t) => {
  const server = await start(t);
  const person = await Person.arrive(t);
  await person.context.addInitScript(() => { delete window.SharedWorker; });
  const first = await person.open(server.url, 'Alice');
  const tabs = [first];
  while (tabs.length < TABS) tabs.push(await person.open(server.url));
  await first.say('from the first tab');
  for (const tab of tabs) await tab.says('from the first tab');
  await tabs.at(-1).say('from the last tab');
  for (const tab of tabs) {
    await tab.says('from the first tab', 'from the last tab');
    assert.equal(await protocol(tab.page), 'h2');
  }
  person.hadNothingToComplainOf();
});
