// The chat page behind nginx, HAProxy and Caddy as docs/proxies/ has them, over
// HTTP/2 and TLS.

import assert from 'node:assert/strict';
import test from 'node:test';

import { LIMIT, Person, QUICK } from './browser.mjs';
import { BEHIND, Front, FRONTS, SITE } from './front.mjs';
import { Server } from './server.mjs';

for (const kind of FRONTS) {
  for (const below of [undefined, '/chat/']) {
    test(`${kind}: the page at ${below ?? '/'} outlives a restart of the server`, LIMIT, async (t) => {
      const server = await Server.start(t, ...BEHIND, ...QUICK);
      const front = await Front.start(t, kind, server, { below });
      const person = await Person.arrive(t);
      const chat = await person.open(`https://${SITE}:${front.ports.https}${below ?? '/'}r/lobby`, 'Alice');
      assert.equal(await protocol(chat.page), 'h2');
      await chat.say('before');
      await chat.says('before');
      await server.say('lobby', 'Bob', 'hello');
      await chat.says('before', 'hello');

      await server.kill('SIGTERM');
      await chat.is('waiting');
      await chat.say('meanwhile');
      await server.startAgain();
      await chat.is('live');
      await chat.says('before', 'hello', 'meanwhile');
      assert.deepEqual((await server.said('lobby')).map(({ message }) => message), ['meanwhile']);
      await chat.join('another');
      await chat.say('in another room');
      await chat.says('in another room');
      person.hadNothingToComplainOf({ netFailures: true });
    });
  }
}

/** What the page came over. */
const protocol = (page) => page.evaluate(() => performance.getEntriesByType('navigation')[0].nextHopProtocol);
