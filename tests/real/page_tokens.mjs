// The chat page on a server that takes tokens: sessions by links, their end, and
// rooms that a session may not read.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Chat, LIMIT, Person, QUICK } from './browser.mjs';
import { HttpProxy } from './http_proxy.mjs';
import { Server } from './server.mjs';
import { TokenKey } from './tokens.mjs';

/** A server with a key. */
async function start(t, ...flags) {
  const key = await TokenKey.make(t);
  return { key, server: await Server.start(t, '--token-key', key.file, ...QUICK, ...flags) };
}

/** Opens a page that may not be connected. */
async function visit(person, url) {
  const chat = new Chat(await person.context.newPage());
  await chat.page.goto(url);
  return chat;
}

/** Opens a link with a token, and agrees. */
async function enter(person, url, token, name) {
  const chat = await visit(person, `${url}#token=${token}`);
  await chat.page.getByRole('button', { name: 'Start session' }).click();
  await chat.is('live');
  if (name) await chat.callMe(name);
  return chat;
}

/** Browsers log answers that are errors; the page asks whether it may moderate. */
function hadNothingElseToComplainOf(person) {
  person.complaints = person.complaints.filter((text) => !/status of (401|403|404)/.test(text));
  person.hadNothingToComplainOf();
}

const said = async (server, token) => {
  const response = await fetch(`${server.url}/rooms/lobby/messages`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(response.status, 200);
  return (await response.json()).messages;
};

test('without a session the page says what is needed, and does not try again by itself', LIMIT, async (t) => {
  const { server } = await start(t);
  const proxy = await HttpProxy.start(t, server.host);
  const person = await Person.arrive(t);
  const chat = await visit(person, proxy.url);
  await chat.status.filter({ hasText: 'This chat needs a link with a token. Open yours to continue.' }).waitFor();
  await chat.is('closed');
  await chat.page.locator('#top').filter({ hasText: 'Couldn’t load messages. The server answered 401: you need a link with a token.' }).waitFor();
  // The network comes back, the page is looked at again: no reason to try.
  await chat.page.evaluate(() => ['online', 'focus'].forEach((name) => dispatchEvent(new Event(name))));
  const asked = proxy.next(/^GET \/events/);
  await chat.status.getByRole('button', { name: 'Retry now' }).click();
  await asked;
  await chat.is('closed');
  assert.equal(proxy.count(/^GET \/events/), 2);
  assert.equal(await chat.status.getByRole('button', { name: 'Log out' }).count(), 0);
  hadNothingElseToComplainOf(person);
});

test('a link with a token begins a session after a question, and leaves no trace of the token', LIMIT, async (t) => {
  const { key, server } = await start(t);
  const proxy = await HttpProxy.start(t, server.host);
  const person = await Person.arrive(t);
  const logged = [];
  person.context.on('console', (message) => logged.push(message.text()));
  const token = key.token({ name: 'Ada' });
  const chat = await visit(person, `${proxy.url}/r/garden?shared=0#token=${token}`);
  const dialog = chat.page.locator('dialog[open]');
  await dialog.filter({ hasText: 'With it, you are \u2068Ada\u2069 in this browser.' }).waitFor();
  assert.equal(chat.page.url(), `${proxy.url}/r/garden?shared=0`);
  assert.equal(proxy.count(/^POST \/session/), 0);
  await dialog.getByRole('button', { name: 'Start session' }).click();
  await chat.is('live');
  // The token has the name, so the page asks for none.
  await chat.has('#people-list .name', 'Ada');
  await chat.say('hello');
  await chat.has('#log .own .text', 'hello');
  const mark = chat.log.locator('.verified');
  assert.equal(await mark.getAttribute('title'), 'Verified name');
  // Another name can't be chosen.
  await chat.page.locator('#me').click();
  await chat.page.locator('#fixed-name').filter({ hasText: 'In this session, your name is Ada.' }).waitFor();
  assert.equal(await chat.page.locator('#new-name').isEditable(), false);
  await chat.page.keyboard.press('Escape');
  // A reload needs no link.
  await chat.page.reload();
  await chat.is('live');
  await chat.has('#people-list .name', 'Ada');
  const stored = await chat.page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, history.state, location.href]));
  for (const text of [stored, ...logged, ...proxy.asked]) assert(!text.includes(token), text);
  assert.deepEqual(await chat.page.evaluate(() => Object.keys(JSON.parse(localStorage.getItem('sse-chat.session'))).sort()), ['name', 'since', 'until', 'write']);

  // Logging out removes the cookie.
  await chat.page.getByRole('button', { name: 'Settings' }).click();
  await chat.page.locator('#session', { hasText: /^Session · \u2068Ada\u2069 · until .*20\d\d/ }).waitFor();
  await chat.page.locator('#session').getByRole('button', { name: 'Log out' }).click();
  await chat.is('closed');
  await chat.status.filter({ hasText: 'This chat needs a link with a token.' }).waitFor();
  assert.deepEqual(await person.context.cookies(), []);
  hadNothingElseToComplainOf(person);
});

test('a foreign link is asked about: cancelling keeps the session, agreeing replaces it in every tab', LIMIT, async (t) => {
  const { key, server } = await start(t);
  const person = await Person.arrive(t);
  const ada = await enter(person, server.url, key.token({ name: 'Ada' }));
  const tab = await visit(person, `${server.url}#token=${key.token({ name: 'Mallory' })}`);
  await tab.page.locator('dialog[open]', { hasText: 'It replaces your current session.' }).waitFor();
  await tab.page.getByRole('button', { name: 'Cancel' }).click();
  await tab.is('live');
  await tab.has('#people-list .name', 'Ada');
  // In a page that is open already, only the fragment changes.
  await tab.page.evaluate((token) => { location.hash = `#token=${token}`; }, key.token({ name: 'Grace' }));
  await tab.page.getByRole('button', { name: 'Start session' }).click();
  assert.equal(tab.page.url(), `${server.url}/`);
  for (const chat of [ada, tab]) await chat.has('#me .name', 'Grace');
  await tab.say('from Grace');
  for (const chat of [ada, tab]) {
    await chat.has('#log .own .text', 'from Grace');
    await chat.has('#log .name', 'Grace');
    await chat.has('#log .verified', '✓');
  }
  hadNothingElseToComplainOf(person);
});

test('a link that is no longer valid, or for another server, says so', LIMIT, async (t) => {
  const { key, server } = await start(t);
  const person = await Person.arrive(t);
  const chat = await visit(person, `${server.url}#token=${key.token({ name: 'Ada' }, -10)}`);
  await chat.page.getByRole('button', { name: 'Start session' }).click();
  await chat.has('#notice > span', 'The server doesn’t accept this link’s token: your session has ended');
  assert.deepEqual(await person.context.cookies(), []);
  const open = await Server.start(t);
  const other = await visit(person, `${open.url}#token=${key.token({ name: 'Ada' })}`);
  await other.page.getByRole('button', { name: 'Start session' }).click();
  await other.has('#notice > span', 'This server doesn’t use tokens. The link may be for another server.');
  await other.is('live');
});

test('a session that ends is announced; what is written waits, and the next session goes on', LIMIT, async (t) => {
  const { key, server } = await start(t);
  const proxy = await HttpProxy.start(t, server.host);
  const person = await Person.arrive(t);
  const chat = await enter(person, proxy.url, key.token({ name: 'Ada', sub: 'a' }, 290));
  // Less than five minutes are left.
  await chat.page.locator('#ending', { hasText: /^Your session ends at \d/ }).waitFor();
  await chat.say('before');
  await chat.has('#log .own .text', 'before');
  // What the server does when the token expires.
  const close = 'event: expiring\ndata: {"expires_at":"2026-11-28T12:00:00Z"}\n\nretry: 60000\nevent: close\ndata: {"reason":"token_expired"}\n\n';
  proxy.answer(/^GET \/events/, { status: 200, type: 'text/event-stream', body: close });
  const problem = JSON.stringify({ type: 'about:blank', title: '', status: 401, code: 'token_expired', detail: 'the token has expired' });
  proxy.answer(/^POST \/rooms/, { status: 401, type: 'application/problem+json', body: problem });
  proxy.cut();
  await chat.status.filter({ hasText: 'Your session has ended. Open a new link to continue; messages you send will wait here.' }).waitFor();
  await chat.is('closed');
  await chat.say('while it is over');
  await chat.outbox.filter({ hasText: 'Will retry: your session has ended' }).waitFor();
  await chat.page.reload();
  await chat.outbox.filter({ hasText: 'Will retry: your session has ended' }).waitFor();
  proxy.behave();
  const tab = await enter(person, proxy.url, key.token({ name: 'Ada', sub: 'a' }, 7_200));
  for (const page of [tab, chat]) {
    await page.is('live');
    await page.has('#log .own .text', 'before', 'while it is over');
    await page.has('#log .gap');
  }
  await chat.page.locator('#ending').waitFor({ state: 'hidden' });
  assert.equal(await chat.outbox.count(), 0);
  hadNothingElseToComplainOf(person);
});

test('after a session that the server does not accept, logging out goes on as everybody may', LIMIT, async (t) => {
  const { key, server } = await start(t, '--anonymous', 'read');
  const proxy = await HttpProxy.start(t, server.host);
  const person = await Person.arrive(t);
  const chat = await enter(person, proxy.url, key.token({ name: 'Ada' }));
  await chat.say('hello');
  await chat.has('#log .own .text', 'hello');
  proxy.answer(/^GET \/events/, { status: 200, type: 'text/event-stream', body: 'event: close\ndata: {"reason":"token_invalid"}\n\n' }, 1);
  proxy.cut();
  await chat.status.filter({ hasText: 'Your session isn’t valid.' }).waitFor();
  await chat.status.getByRole('button', { name: 'Log out' }).click();
  await chat.is('live');
  await chat.says('hello');
  // Everybody may read here, not write.
  await chat.callMe('Ada');
  await chat.say('more');
  await chat.outbox.filter({ hasText: 'Will retry: you need a link with a token' }).waitFor();
  hadNothingElseToComplainOf(person);
});

test('a room that the session may not read says so; the others go on', LIMIT, async (t) => {
  const { key, server } = await start(t);
  const person = await Person.arrive(t);
  const chat = await enter(person, `${server.url}/r/garden`, key.token({ name: 'Ada', rooms: { write: ['garden'], read: ['news'] } }));
  await chat.join('secret');
  await chat.status.filter({ hasText: 'You can’t read secret: your session doesn’t permit it, or you’re banned.' }).waitFor();
  await chat.page.locator('#top', { hasText: 'The server answered 403: you don’t have permission.' }).waitFor();
  await chat.rooms.first().click();
  await chat.has('h1', 'garden');
  await chat.status.waitFor({ state: 'hidden' });
  await chat.is('live');
  await chat.say('hello');
  await chat.has('#log .own .text', 'hello');
  // To read is not to write.
  await chat.join('news');
  await chat.say('no');
  await chat.outbox.filter({ hasText: 'Not sent: you don’t have permission' }).waitFor();
  hadNothingElseToComplainOf(person);
});

test('a session that did not begin by a link: the page finds it, and takes its name', LIMIT, async (t) => {
  const { key, server } = await start(t);
  const person = await Person.arrive(t);
  const token = key.token({ name: 'Ada' });
  await person.context.addCookies([{ name: 'sse_chat_token', value: token, url: server.url, httpOnly: true, sameSite: 'Strict' }]);
  const chat = await visit(person, server.url);
  await chat.is('live');
  // The stream goes on without the name that the token does not permit.
  await chat.callMe('Bob');
  await chat.say('who am I?');
  await chat.has('#log .own .name', 'Ada');
  await chat.has('#me .name', 'Ada');
  await chat.has('#people-list .name', 'Ada');
  assert.deepEqual((await said(server, token)).map(({ name, verified }) => [name, verified]), [['Ada', true]]);
  await chat.page.getByRole('button', { name: 'Settings' }).click();
  await chat.page.locator('#session').getByRole('button', { name: 'Log out' }).waitFor();
  hadNothingElseToComplainOf(person);
});

for (const [reason, text] of [['token_invalid', 'Your session isn’t valid.'], ['ticket_used', 'This connection could be used only once.']]) {
  test(`a stream that ends with ${reason} says so`, LIMIT, async (t) => {
    const { server } = await start(t);
    const proxy = await HttpProxy.start(t, server.host);
    proxy.answer(/^GET \/events/, { status: 200, type: 'text/event-stream', body: `event: close\ndata: {"reason":"${reason}"}\n\n` });
    const chat = await visit(await Person.arrive(t), proxy.url);
    await chat.status.filter({ hasText: text }).waitFor();
    await chat.is('closed');
    assert.equal(proxy.count(/^GET \/events/), 1);
  });
}
