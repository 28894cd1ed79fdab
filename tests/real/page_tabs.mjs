// Several tabs of one browser: what one of them leaves, and what two of them
// change at once.

import assert from 'node:assert/strict';
import test from 'node:test';

import { LIMIT, Person, QUICK } from './browser.mjs';
import { HttpProxy } from './http_proxy.mjs';
import { Server } from './server.mjs';

const SAY = /^POST \/rooms\/[^/]+\/messages$/;

for (const heir of ['a new tab', 'a tab that is open']) {
  test(`what a tab left that crashed is sent at once by ${heir}`, LIMIT, async (t) => {
    const server = await Server.start(t, ...QUICK);
    const proxy = await HttpProxy.start(t, server.host);
    const person = await Person.arrive(t);
    // No lease of a page ends during the test: only its lock tells that it is gone.
    await person.changeWait(20_000, 600_000);
    const chat = await person.open(`${proxy.url}?shared=0`, 'Alice');
    proxy.answer(SAY, { status: 502, body: '' });
    await chat.say('in the tunnel');
    await chat.page.waitForFunction(() => Object.keys(localStorage).some((key) => key.startsWith('sse-chat.outbox.')));
    const open = heir === 'a new tab' ? null : await person.open(`${proxy.url}?shared=0`);
    await crash(chat.page);
    const next = open ?? await person.open(`${proxy.url}?shared=0`);
    await next.has('#outbox .text', 'in the tunnel');
    proxy.behave();
    await next.says('in the tunnel');
    assert.equal((await server.said('lobby')).length, 1);
  });
}

/** Ends the page's process without any event in the page. */
async function crash(page) {
  const crashed = page.waitForEvent('crash');
  const session = await page.context().newCDPSession(page);
  void session.send('Page.crash').catch(() => {});
  await crashed;
}

test('where there are no locks, what a crashed page left is sent when its lease is over', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const person = await Person.arrive(t);
  await person.context.addInitScript(() => {
    // As over plain HTTP on a network.
    Object.defineProperty(Navigator.prototype, 'locks', { get: () => undefined });
    if (!localStorage.getItem('sse-chat.name')) localStorage.setItem('sse-chat.name', '"Alice"');
  });
  const chat = await person.open(server.url, undefined, { clock: true });
  await chat.page.evaluate(() => localStorage.setItem('sse-chat.outbox.gone', JSON.stringify({
    until: Date.now() + 90_000,
    letters: [{ client_id: 'one', room: 'lobby', text: 'in the tunnel', at: Date.now() }],
  })));
  await chat.stopTime();
  await chat.page.clock.runFor(60_000);
  assert.equal((await server.said('lobby')).length, 0);
  await chat.page.clock.runFor(60_000);
  await chat.page.clock.resume();
  await chat.says('in the tunnel');
});

test('a room that is left in one tab stays left, though another tab joins one before it knows', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const one = await person.open(server.url, 'Alice');
  await one.join('secret');
  await one.join('garden');
  const two = await person.open(`${server.url}/r/garden`);
  await two.has('#room-list .room-name', 'lobby', 'secret', 'garden');
  // Storage reaches the other tab late: it reads the old value and gets no event.
  await two.page.evaluate(() => {
    const { getItem } = Storage.prototype;
    const old = Object.fromEntries(Object.entries(localStorage));
    const late = (event) => event.stopImmediatePropagation();
    window.late = () => {
      Storage.prototype.getItem = getItem;
    };
    Storage.prototype.getItem = function (key) {
      return key in old && /rooms|left/.test(key) ? old[key] : /left/.test(key) ? null : getItem.call(this, key);
    };
    addEventListener('storage', late, { capture: true });
  });
  await one.say('/leave');
  await one.has('#room-list .room-name', 'lobby', 'secret');
  await one.rooms.filter({ hasText: 'secret' }).click();
  await one.say('/leave');
  await one.has('#room-list .room-name', 'lobby');
  await two.join('kitchen');
  // The second tab has stored a list with the rooms that the first one left. The first
  // one corrects it.
  await one.has('#room-list .room-name', 'lobby', 'kitchen');
  await one.page.waitForFunction(() => {
    const rooms = JSON.parse(localStorage.getItem('sse-chat.rooms')).map(({ name }) => name);
    return JSON.stringify(rooms) === '["lobby","kitchen"]';
  });
  await two.page.evaluate(() => window.late());
  await two.page.reload();
  await two.is('live');
  await two.has('#room-list .room-name', 'lobby', 'kitchen');
  person.hadNothingToComplainOf();
});
