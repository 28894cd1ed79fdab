// What the chat page sends: whose a message is, what is refused, and waits.

import assert from 'node:assert/strict';
import test from 'node:test';

import { LIMIT, Person, QUICK } from './browser.mjs';
import { HttpProxy } from './http_proxy.mjs';
import { Proxy } from './proxy.mjs';
import { Server, within } from './server.mjs';

const SAY = /^POST \/rooms\/.*\/messages$/;
const MESSAGES = '**/messages';

/** Answers the page's messages by a function of how many there were and of what was sent; undefined: the server does. */
async function answers(chat, answer) {
  const sent = [];
  await chat.page.route(MESSAGES, async (route) => {
    if (route.request().method() !== 'POST') return route.continue();
    sent.push(route.request().postDataJSON());
    const answered = await answer(sent.length, sent.at(-1), route);
    if (answered) return route.fulfill(answered);
    return route.continue();
  });
  return sent;
}

/** A problem as the server answers it. */
const problem = (status, code, headers = {}) => ({
  status, headers, contentType: 'application/problem+json',
  body: JSON.stringify({ type: 'about:blank', title: code, status, detail: `the detail of ${code}`, code }),
});

test('a message that the stream brings before the answer stands once, and is own by the answer', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  let answer;
  const held = new Promise((resolve) => { answer = resolve; });
  await answers(chat, async (number, draft, route) => {
    const response = await route.fetch();
    await held;
    return { response };
  });
  await chat.say('hello @Alice');
  await chat.says('hello @Alice');
  await chat.has('#outbox > li');
  answer();
  await chat.page.waitForFunction(() => JSON.parse(localStorage.getItem('sse-chat.own') ?? '[]').length === 1);
  await chat.says('hello @Alice');
  await chat.has('#log .own .text', 'hello @Alice');
  await chat.has('#outbox > li');
  person.hadNothingToComplainOf();
});

test('a stranger of the same name who says the same meanwhile is a stranger', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  let go;
  const held = new Promise((resolve) => { go = resolve; });
  await answers(chat, () => held);
  await chat.say('yes');
  await chat.has('#outbox .text', 'yes');
  const stranger = await server.say('lobby', 'Alice', 'yes');
  await chat.says('yes');
  go();
  await chat.says('yes', 'yes');
  await chat.page.waitForFunction(() => JSON.parse(localStorage.getItem('sse-chat.own') ?? '[]').length === 1);
  await chat.has(`[id="message-${stranger.id}"]:not(.own) .text`, 'yes');
  await chat.has('#log .own .text', 'yes');
  await chat.has('#outbox > li');
});

test('a client id that is used by others in another room makes nothing of theirs one’s own', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  const sent = await answers(chat, () => undefined);
  await chat.say('mine');
  await chat.has('#log .own .text', 'mine');
  assert.match(sent[0].client_id, /^[0-9a-f]{32}$/);
  await chat.join('garden');
  const response = await fetch(`${server.url}/rooms/garden/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name: 'Mallory', message: 'also mine?', client_id: sent[0].client_id }),
  });
  assert.equal(response.status, 201);
  await chat.says('also mine?');
  await chat.has('#log .own .text');
  await chat.page.reload();
  await chat.says('also mine?');
  await chat.has('#log .own .text');
});

test('a reload while the answer is missing shows a message once, sends it under the same id, and knows it as own', LIMIT, async (t) => {
  const server = await Server.start(t);
  const proxy = await HttpProxy.start(t, server.host);
  const person = await Person.arrive(t);
  const chat = await person.open(proxy.url, 'Alice');
  proxy.loseAnswer(SAY, Infinity);
  await chat.say('only once');
  await chat.says('only once');
  await chat.has('#outbox > li');
  await chat.page.reload();
  await chat.says('only once');
  await chat.has('#outbox > li');
  proxy.behave();
  await chat.page.waitForFunction(() => JSON.parse(localStorage.getItem('sse-chat.own') ?? '[]').length === 1);
  await chat.has('#log .own .text', 'only once');
  assert.equal((await server.said('lobby')).length, 1);
});

test('a message that a server took, forgot in a restart and took again stands once for its sender', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const proxy = await HttpProxy.start(t, server.host);
  const person = await Person.arrive(t);
  const chat = await person.open(proxy.url, 'Alice');
  proxy.loseAnswer(SAY, Infinity);
  await chat.say('both times');
  await chat.says('both times');
  await server.kill();
  await server.startAgain();
  proxy.behave();
  await chat.page.waitForFunction(() => JSON.parse(localStorage.getItem('sse-chat.own') ?? '[]').length === 1);
  await chat.says('both times');
  await chat.has('#log .own .text', 'both times');
  await chat.has('#outbox > li');
});

test('what one tab sends is own in the other, and no news there', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const here = await person.open(server.url, 'Alice');
  const there = await person.open(`${server.url}/r/garden`);
  await there.join('lobby');
  await here.say('from the other tab');
  await there.has('#log .own .text', 'from the other tab');
  await here.has('#log .own .text', 'from the other tab');
});

test('a rename while a message waits changes neither its name nor its id', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  const sent = await answers(chat, (number) => (number === 1 ? problem(503, 'draining', { 'retry-after': '1' }) : undefined));
  await chat.say('as Alice');
  await chat.outbox.filter({ hasText: 'Will retry' }).waitFor();
  await chat.callMe('Bob');
  await chat.says('as Alice');
  await chat.has('#log .name', 'Alice');
  assert.deepEqual(sent[0], sent[1]);
});

for (const [code, status, why] of [
  ['invalid_message', 400, 'it has characters that the server doesn’t accept'],
  ['client_id_reused', 422, 'the server already has another message with this ID'],
]) {
  test(`a message refused with ${code} stays refused over a reload until it is edited, and goes out under another id`, LIMIT, async (t) => {
    const server = await Server.start(t);
    const person = await Person.arrive(t);
    const chat = await person.open(server.url, 'Alice');
    const sent = await answers(chat, (number) => (number <= 2 ? problem(status, code) : undefined));
    await chat.say('refuse me');
    const row = chat.outbox.filter({ hasText: `Not sent: ${why}` });
    await row.waitFor();
    await row.getByRole('button', { name: 'Retry' }).click();
    await row.waitFor();
    await chat.page.waitForFunction(() => !document.querySelector('#outbox .sending'));
    assert.equal(sent.length, 2);
    await chat.page.reload();
    await row.waitFor();
    await chat.is('live');
    await chat.say('this one goes');
    await chat.says('this one goes');
    assert.deepEqual(sent.map(({ message }) => message), ['refuse me', 'refuse me', 'this one goes']);
    await row.getByRole('button', { name: 'Edit' }).click();
    assert.equal(await chat.message.inputValue(), 'refuse me');
    await chat.has('#outbox > li');
    await chat.say('mended');
    await chat.says('this one goes', 'mended');
    assert.equal(new Set(sent.map(({ client_id }) => client_id)).size, 4);
  });
}

test('a refused message can be thrown away', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  await answers(chat, () => problem(400, 'invalid_message'));
  await chat.say('again');
  await chat.outbox.getByRole('button', { name: 'Delete' }).click();
  await chat.has('#outbox > li');
  await chat.page.reload();
  await chat.is('live');
  await chat.has('#outbox > li');
  assert.equal((await server.said('lobby')).length, 0);
});

test('Retry-After is the wait, for all that waits, however often Enter is pressed', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice', { clock: true });
  await chat.join('garden');
  await chat.rooms.filter({ hasText: 'lobby' }).click();
  await chat.stopTime();
  const sent = await answers(chat, (number) => (number === 1 ? problem(429, 'rate_limited', { 'retry-after': '20' }) : undefined));
  const texts = ['one', 'two', 'three'];
  for (const text of texts) {
    await chat.say(text);
    await chat.page.clock.runFor(100);
  }
  await chat.outbox.filter({ hasText: 'Will retry: too many messages at once' }).nth(2).waitFor();
  await chat.page.clock.runFor(19_000);
  assert.equal(sent.length, 1);
  const next = chat.page.waitForRequest((request) => request.method() === 'POST');
  await chat.page.clock.runFor(1_000);
  await within(next, 'the second try, a second later');
  await chat.page.clock.resume();
  await chat.says(...texts);
  assert.deepEqual(sent.map(({ message }) => message), ['one', ...texts]);
});

test('all that waits through an outage says that it waits for the connection', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const proxy = await Proxy.start(t, server.host);
  const person = await Person.arrive(t);
  const chat = await person.open(proxy.url, 'Alice');
  proxy.block();
  for (const text of ['one', 'two', 'three']) await chat.say(text);
  await chat.has('#outbox .state', ...Array(3).fill('Waiting for connection Edit Delete'));
  proxy.unblock();
  await chat.says('one', 'two', 'three');
  await chat.has('#outbox > li');
});
