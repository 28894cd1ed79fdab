// The read position on the chat page: where a room opens, which messages count as
// read, and that a search changes neither.

import assert from 'node:assert/strict';
import test from 'node:test';

import { LIMIT, Person, QUICK } from './browser.mjs';
import { HttpProxy } from './http_proxy.mjs';
import { Proxy } from './proxy.mjs';
import { Server } from './server.mjs';

/** Publishes messages with the numbers from `from` to `to` as their texts. */
async function count(server, room, from, to, word = '') {
  for (let number = from; number <= to; number += 1) await server.say(room, 'Carol', `${word}${number}`);
}

/** The texts that are in sight, and how far the end of the talk is, in pixels. */
const sight = (chat) => chat.page.evaluate(() => {
  const scroller = document.getElementById('scroller');
  const { top, bottom } = scroller.getBoundingClientRect();
  const isSeen = (row) => {
    const box = row.getBoundingClientRect();
    return box.bottom > top && box.top < bottom;
  };
  return {
    texts: [...document.querySelectorAll('#log .message:not([hidden])')].filter(isSeen)
      .map((row) => row.querySelector('.text').textContent),
    left: scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight,
  };
});

/** The divider is in sight, and this is the first message below it. */
async function beginsAt(chat, text) {
  await chat.page.waitForFunction((text) => {
    const row = document.querySelector('#log .unread');
    const { top } = row?.getBoundingClientRect() ?? { top: -1 };
    return top > 0 && top < 300 && row.nextElementSibling?.querySelector('.text')?.textContent === text;
  }, text);
}

test('beside a search messages are read as they come, and one that is sent is in sight', LIMIT, async (t) => {
  const server = await Server.start(t);
  await count(server, 'lobby', 1, 60);
  const person = await Person.arrive(t);
  // Messages stay lit up.
  await person.changeWait(2_000, 60_000);
  const chat = await person.open(server.url, 'Alice');
  await chat.log.getByText('60', { exact: true }).waitFor();
  await chat.page.locator('#open-search').click();
  await chat.page.locator('#search').fill('nothing like it');
  await chat.has('#found', 'Nothing found · all 60 messages searched');
  await server.say('lobby', 'Carol', 'said meanwhile');
  await chat.has('#found', 'Nothing found · all 61 messages searched');
  await chat.page.waitForFunction(() => document.title === 'lobby · sse-chat');
  await chat.page.locator('#search').fill('5');
  await chat.page.locator('#results button').last().click();
  await chat.log.locator('.lit').getByText('5', { exact: true }).waitFor();
  await chat.say('mine');
  await chat.log.getByText('mine').waitFor();
  await chat.isAtEnd();
  await chat.page.locator('#message:focus').waitFor();
  // The reader has gone on: there is nothing to return to.
  await chat.page.locator('#close-search').click();
  await chat.page.locator('#search-bar').waitFor({ state: 'hidden' });
  await chat.isAtEnd();
  person.hadNothingToComplainOf();
});

test('what comes while a search covers the messages is new when it ends', LIMIT, async (t) => {
  const server = await Server.start(t);
  await count(server, 'lobby', 1, 40);
  const person = await Person.arrive(t, { viewport: { width: 900, height: 700 } });
  const chat = await person.open(server.url, 'Alice');
  await chat.log.getByText('40', { exact: true }).waitFor();
  await chat.page.locator('#open-search').click();
  await chat.page.locator('#search').fill('4');
  await chat.has('#results mark', '4', '4', '4', '4', '4');
  await count(server, 'lobby', 41, 80);
  await chat.has('#found', '17 found · all 80 messages searched');
  await chat.page.waitForFunction(() => document.title === '(40) lobby · sse-chat');
  await chat.page.keyboard.press('Escape');
  await beginsAt(chat, '41');
  await chat.has('#pill', '40 new messages');
  person.hadNothingToComplainOf();
});

for (const [how, unread] of [['more than the newest page', 120], ['more than a page may load at once', 250], ['more than a page keeps', 450]]) {
  test(`a room with ${how} that is unread opens at the divider, and stays unread`, LIMIT, async (t) => {
    const server = await Server.start(t);
    const person = await Person.arrive(t);
    let chat = await person.open(server.url, 'Alice');
    await server.say('lobby', 'Carol', '0');
    await chat.says('0');
    await chat.page.waitForFunction(() => JSON.parse(localStorage.getItem('sse-chat.rooms'))[0].read?.number === 1);
    await chat.join('garden');
    const lobby = () => chat.rooms.filter({ hasText: 'lobby' });
    await count(server, 'lobby', 1, unread);
    const pill = `${unread} new messages`;
    // The room's talk is on the page already; then it is not, and the page learns late how much is new.
    for (const reload of [false, true]) {
      if (reload) {
        await chat.page.close();
        chat = await person.open(`${server.url}/r/lobby`);
      } else {
        await lobby().getByText(`${unread} unread`).waitFor({ state: 'attached' });
        await lobby().click();
      }
      await beginsAt(chat, '1');
      await chat.has('#pill', pill);
      await chat.page.waitForFunction((unread) => document.title === `(${unread}) lobby · sse-chat`, unread);
      await lobby().getByText(`${unread} unread`).waitFor({ state: 'attached' });
    }
    // Read to the end, nothing is left out, and then it is read.
    const seen = new Set();
    for (let left = 1; left > 0 || seen.size < unread;) {
      const now = await sight(chat);
      now.texts.filter((text) => text !== '0').forEach((text) => seen.add(Number(text)));
      left = now.left;
      await chat.page.evaluate(() => { document.getElementById('scroller').scrollTop += 300; });
      await chat.page.evaluate(() => new Promise(requestAnimationFrame));
    }
    assert.equal(seen.size, unread);
    await chat.page.waitForFunction(() => document.title === 'lobby · sse-chat');
    person.hadNothingToComplainOf();
  });
}

test('what came to a hidden page, or while the connection was away, is new until it was on the screen', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const proxy = await Proxy.start(t, server.host);
  const person = await Person.arrive(t);
  const chat = await person.open(proxy.url, 'Alice');
  await count(server, 'lobby', 1, 2);
  await chat.says('1', '2');
  await chat.hide(true);
  await count(server, 'lobby', 3, 352);
  await chat.page.waitForFunction(() => document.title === '(350) lobby · sse-chat');
  await chat.hide(false);
  await beginsAt(chat, '3');
  await chat.has('#pill', '350 new messages');
  await chat.pill.click();
  await chat.isAtEnd();
  await chat.page.waitForFunction(() => document.title === 'lobby · sse-chat');

  proxy.block();
  await count(server, 'lobby', 353, 402);
  proxy.unblock();
  await beginsAt(chat, '353');
  await chat.has('#pill', '50 new messages');
  await chat.page.waitForFunction(() => document.title === '(50) lobby · sse-chat');
  // With the page visible and at its end, new messages are read.
  await chat.pill.click();
  await chat.isAtEnd();
  await count(server, 'lobby', 403, 460);
  await chat.log.getByText('460', { exact: true }).waitFor();
  await chat.isAtEnd();
  await chat.page.waitForFunction(() => document.title === 'lobby · sse-chat');
  person.hadNothingToComplainOf({ netFailures: true });
});

for (const before of [[], ['said before']]) {
  for (const first of ['the stream', 'the message']) {
    const where = before.length ? 'a room with talk' : 'an empty room';
    test(`after a restart, what was typed meanwhile in ${where} stands below the gap; ${first} is first`, LIMIT, async (t) => {
      const server = await Server.start(t, ...QUICK);
      const proxy = await HttpProxy.start(t, server.host);
      const person = await Person.arrive(t);
      const chat = await person.open(proxy.url, 'Alice');
      // The gaps of several rooms come one after the other, each with its own place in the stream.
      await chat.join('garden');
      await chat.rooms.filter({ hasText: 'lobby' }).click();
      for (const text of before) await server.say('lobby', 'Carol', text);
      await chat.says(...before);
      await server.kill();
      await chat.is('waiting');
      await chat.say('typed while away');
      if (first === 'the message') proxy.answer(/^GET \/events/, { status: 502, body: '' });
      else proxy.answer(/^POST/, { status: 502, body: '' });
      await server.startAgain();
      if (first === 'the message') {
        while ((await server.said('lobby')).length === 0) await proxy.next(/^(GET|POST)/);
        proxy.behave();
        await chat.is('live');
      } else {
        await chat.is('live');
        await chat.log.locator('.gap').waitFor();
        proxy.behave();
      }
      await chat.page.locator('#outbox > li').waitFor({ state: 'detached' });
      assert.equal(await chat.log.locator('.unread').count(), 0, 'nobody has to read their own words');
      await server.say('lobby', 'Carol', 'said after');
      await chat.says(...before, 'typed while away', 'said after');
      const rows = await chat.log.locator('.gap, .text').allTextContents();
      assert.deepEqual(rows, [...before, 'Messages may be missing: the server restarted.', 'typed while away', 'said after']);
      person.hadNothingToComplainOf({ netFailures: true });
    });
  }
}

test('a mention that a restart has swallowed leaves no badge, and a new one gets its own', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const person = await Person.arrive(t);
  let chat = await person.open(server.url, 'Alice');
  await chat.join('garden');
  const lobby = () => chat.rooms.filter({ hasText: 'lobby' });
  await server.say('lobby', 'Carol', 'hello @Alice');
  await lobby().getByText('1 mention').waitFor({ state: 'attached' });
  await server.kill();
  await chat.is('waiting');
  await server.startAgain();
  await chat.is('live');
  await lobby().locator('.badge').first().waitFor({ state: 'detached' });
  // Nor does it come back with the next page.
  await chat.page.close();
  chat = await person.open(`${server.url}/r/garden`);
  assert.equal(await lobby().locator('.badge').count(), 0);
  await server.say('lobby', 'Carol', 'again, @Alice');
  await lobby().getByText('1 mention').waitFor({ state: 'attached' });
  await lobby().getByText('1 unread').waitFor({ state: 'attached' });
  person.hadNothingToComplainOf({ netFailures: true });
});
