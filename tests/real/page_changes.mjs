// The chat page: messages that are edited, deleted and reacted to, and events of
// programs, which the page ignores.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Chat, LIMIT, Person, QUICK } from './browser.mjs';
import { HttpProxy } from './http_proxy.mjs';
import { Server } from './server.mjs';

const KEY = 'abcdefghijklmnop';

/** Publishes a message that can be changed. */
async function say(server, message, { name = 'Carol', room = 'lobby', key = KEY } = {}) {
  const response = await fetch(`${server.url}/rooms/${room}/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, message, edit_key: key }),
  });
  assert.equal(response.status, 201);
  return response.json();
}

/** Changes a message. */
async function change(server, { room, id }, method, { path = '', key = KEY, message } = {}) {
  const response = await fetch(`${server.url}/rooms/${room}/messages/${id}${path}`, {
    method,
    headers: { 'edit-key': key, ...message && { 'content-type': 'application/json' } },
    body: message && JSON.stringify({ message }),
  });
  assert(response.ok, `${method} ${path}: ${response.status}`);
}

const edit = (server, message, text) => change(server, message, 'PATCH', { message: text });
const remove = (server, message) => change(server, message, 'DELETE');
const react = (server, message, emoji, name, key = KEY) =>
  change(server, message, 'PUT', { path: `/reactions/${encodeURIComponent(emoji)}?name=${name}`, key });

/** Publishes an event of a program. */
async function publish(server, event) {
  const response = await fetch(`${server.url}/rooms/lobby/events?event=${event}`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"a":1}',
  });
  assert.equal(response.status, 201);
}

test('a message is shown as it is now: edited, with reactions, deleted; live and after a reload', LIMIT, async (t) => {
  const server = await Server.start(t);
  const [first, second, third] = [await say(server, 'one'), await say(server, 'two'), await say(server, 'three')];
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  await chat.says('one', 'two', 'three');
  await edit(server, first, 'one, better');
  await remove(server, second);
  await chat.says('one, better', 'three');
  const row = await chat.log.locator('.message').last().elementHandle();
  await react(server, third, '👍', 'Bob');
  await react(server, third, '👍', 'Dora', 'qrstuvwxyzabcdef');
  await react(server, third, '🎉', 'Bob');
  const shows = async () => {
    await chat.says('one, better', 'three');
    await chat.has('#log .deleted > span', 'Message deleted');
    await chat.has('#log .reactions li', '👍 2 \u2068Bob\u2069, \u2068Dora\u2069', '🎉 1 \u2068Bob\u2069');
    assert.match(await chat.log.locator('.edited').textContent(), /^edited \d{1,2}:\d\d\s[AP]M$/);
    assert.match(await chat.log.locator('.edited').getAttribute('title'), /\b20\d\d\b/);
    assert.match(await chat.log.locator('.reactions button').first().getAttribute('title'), /Bob.*Dora/);
    await chat.has('#log .gap');
  };
  await shows();
  // Screen readers would read a replaced row again.
  assert(await row.evaluate((element) => element.isConnected), 'reactions do not replace their row');
  // A change of a message that the page does not have is ignored, also of one that it can't know.
  await chat.page.reload();
  await chat.is('live');
  await shows();
  await change(server, third, 'DELETE', { path: `/reactions/${encodeURIComponent('🎉')}` });
  await chat.has('#log .reactions li', '👍 2 \u2068Bob\u2069, \u2068Dora\u2069');
  person.hadNothingToComplainOf();
});

test('what was changed and deleted while the page was away comes in its present state, without a gap', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const proxy = await HttpProxy.start(t, server.host);
  const known = await say(server, 'before');
  const person = await Person.arrive(t, { locale: 'zh-CN' });
  const chat = await person.open(proxy.url, 'Alice');
  await chat.says('before');
  // Nothing reaches the page until it is connected again.
  proxy.answer(/^(GET|HEAD) \/events/, { status: 503, body: '' });
  proxy.cut();
  await chat.is('waiting');
  await edit(server, known, 'changed meanwhile');
  const [missed, edited] = [await say(server, 'deleted before it came'), await say(server, 'draft')];
  await remove(server, missed);
  await edit(server, edited, 'final');
  proxy.behave();
  await chat.page.evaluate(() => dispatchEvent(new Event('online')));
  await chat.says('changed meanwhile', 'final');
  await chat.has('#log .deleted > span', '消息已撤回');
  await chat.has('#log .gap');
  await say(server, 'next');
  await chat.says('changed meanwhile', 'final', 'next');
  await chat.has('#log .gap');
  person.complaints = person.complaints.filter((text) => !text.includes('status of 503'));
  person.hadNothingToComplainOf({ netFailures: true });
});

test('events of programs are ignored: no row, no gap, nothing unread, and history goes on behind them', LIMIT, async (t) => {
  const server = await Server.start(t, '--open-events', ...QUICK);
  await say(server, 'oldest');
  for (let number = 0; number < 120; number += 1) await publish(server, 'deploy');
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  // Two pages of history have nothing but events.
  await chat.says('oldest');
  await chat.has('#top', 'Start of #lobby');
  await chat.join('other');
  await publish(server, 'deploy');
  await say(server, 'newest');
  await chat.has('#room-list .badge.count > [aria-hidden]', '1');
  await chat.rooms.first().click();
  await chat.says('oldest', 'newest');
  await chat.has('#room-list .badge');
  await publish(server, 'deploy');
  // A page that comes back to an event as the newest entry has nothing to catch up with.
  await chat.page.evaluate(() => dispatchEvent(new Event('online')));
  await chat.page.reload();
  await chat.is('live');
  await chat.says('oldest', 'newest');
  await chat.has('#room-list .badge');
  await chat.has('#log .gap');
  await chat.has('#log .unread');
  person.hadNothingToComplainOf({ netFailures: true });
});

test('a deleted mention is not counted, found or copied; an edited text is', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  await chat.join('other');
  const [mention, text] = [await say(server, '@Alice look'), await say(server, 'apple')];
  await chat.has('#room-list .badge.mentions > [aria-hidden]', '@1');
  await remove(server, mention);
  await chat.has('#room-list .badge.mentions > [aria-hidden]');
  // Its number stays, so what is unread does.
  await chat.has('#room-list .badge.count > [aria-hidden]', '2');
  await chat.rooms.first().click();
  await chat.says('apple');
  await chat.page.locator('#open-search').click();
  await chat.page.locator('#search').fill('look');
  await chat.has('#found', 'Nothing found · all 2 messages searched');
  await chat.page.locator('#search').fill('pear');
  await edit(server, text, 'pear');
  await chat.has('#results mark', 'pear');
  await edit(server, text, 'apple');
  await chat.has('#results mark');
  await edit(server, text, 'pear');
  await chat.log.getByText('pear').waitFor();
  await chat.page.locator('#close-search').click();
  // Copying is loaded with the selection.
  const copied = await chat.page.waitForFunction(() => {
    getSelection().selectAllChildren(document.getElementById('scroller'));
    const event = new ClipboardEvent('copy', { clipboardData: new DataTransfer(), bubbles: true, cancelable: true });
    document.getElementById('log').dispatchEvent(event);
    return event.clipboardData.getData('text/plain');
  });
  assert.equal(await copied.jsonValue(), 'Carol: pear');
  person.hadNothingToComplainOf();
});

test('a gap of nothing but changes shows nothing, and the page loads the present state', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const proxy = await HttpProxy.start(t, server.host);
  const message = await say(server, 'as it was');
  const person = await Person.arrive(t);
  const chat = new Chat(await person.context.newPage());
  const [epoch] = message.id.split('-');
  const hello = { cursor: message.id, ping_ms: 15_000, rooms: [{ room: 'lobby', members: 0, oldest: message.id, newest: message.id, next: 2 }] };
  const stream = (events) => ({ status: 200, type: 'text/event-stream', body: `retry: 100\nevent: hello\nid: ${message.id}\ndata: ${JSON.stringify(hello)}\n\n${events}` });
  proxy.answer(/^GET \/events/, stream(''));
  await chat.page.goto(proxy.url);
  await chat.says('as it was');
  await edit(server, message, 'as it is');
  const gap = { room: 'lobby', reason: 'lagged', lost: 0, next: 2 };
  proxy.behave();
  proxy.answer(/^GET \/events/, stream(`event: gap\nid: ${epoch}-3\ndata: ${JSON.stringify(gap)}\n\n`));
  await chat.says('as it is');
  await chat.has('#log .gap');
});
