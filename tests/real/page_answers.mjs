// The chat page when the server answers its stream request with an error: the page
// shows the status and the reason.

import assert from 'node:assert/strict';
import test from 'node:test';

import { Chat, LIMIT, Person } from './browser.mjs';
import { HttpProxy } from './http_proxy.mjs';
import { Server } from './server.mjs';

const EVENTS = /^GET \/events\?/;

for (const [status, code, detail, said] of [
  [431, 'head_too_large', 'the head of a request has at most 16384 bytes', /^The server answered 431: the head of a request has at most 16384 bytes\. Retrying in \d+ s/],
  [403, 'cross_origin', 'pages of other sites may not', /^The server answered 403: pages of other sites may not\. Retrying/],
  [503, 'too_many_rooms', 'there is no room for more', /^The server answered 503: there is no room for more\. Retrying/],
  [503, null, null, /^The server answered 503: it’s full or starting\. Retrying/],
  [418, null, null, /^The server answered 418\. Retrying/],
]) {
  test(`a page that gets no stream but ${status} ${code ?? 'without a problem'} says so, in each tab, until it has one`, LIMIT, async (t) => {
    const server = await Server.start(t);
    const proxy = await HttpProxy.start(t, server.host);
    const person = await Person.arrive(t);
    const answer = code
      ? { status, type: 'application/problem+json', body: JSON.stringify({ type: 'about:blank', title: '', status, code, detail }) }
      : { status, body: '<h1>no</h1>' };
    proxy.answer(/^(GET|HEAD) \/events/, answer);
    const tabs = [];
    for (let tab = 0; tab < 2; tab += 1) {
      const chat = new Chat(await person.context.newPage());
      await chat.page.goto(proxy.url);
      await chat.status.filter({ hasText: said }).waitFor();
      tabs.push(chat);
    }
    const asked = proxy.count(/^HEAD \/events/);
    assert(asked > 0 && proxy.count(/^GET \/events/) >= asked);
    proxy.behave();
    // The first tab may be connecting already; this makes it try now.
    await tabs[0].page.evaluate(() => dispatchEvent(new Event('online')));
    for (const chat of tabs) await chat.is('live');
    // A failure without a response must not show the reason of an earlier response.
    await server.kill();
    proxy.cut();
    await tabs[0].status.filter({ hasText: /^Disconnected\./ }).waitFor();
    person.complaints = person.complaints.filter((text) => !text.includes('the server responded with a status of'));
    person.hadNothingToComplainOf({ netFailures: true });
  });
}

test('a page whose room is one too many for the server says so', LIMIT, async (t) => {
  const server = await Server.start(t, '--max-rooms', '2');
  await server.say('other', 'Alice', 'the one room beside the default one');
  const person = await Person.arrive(t);
  const chat = new Chat(await person.context.newPage());
  await chat.page.goto(`${server.url}/r/another`);
  await chat.status.filter({ hasText: /^The server answered 503: .*rooms.* Retrying in/ }).waitFor();
});

test('a refusal that names a time is asked again after it, and is said in the page’s language', LIMIT, async (t) => {
  const server = await Server.start(t);
  const proxy = await HttpProxy.start(t, server.host);
  const person = await Person.arrive(t, { locale: 'zh-CN' });
  const body = '{"code":"rate_limited","detail":"too many","status":429,"title":"Too Many Requests","type":"about:blank"}';
  const refused = { status: 429, type: 'application/problem+json', body, headers: { 'retry-after': '100' } };
  proxy.answer(/^(GET|HEAD) \/(events|rooms)/, refused);
  const chat = new Chat(await person.context.newPage());
  await chat.page.goto(proxy.url);
  await chat.status.filter({ hasText: /^服务器返回 429：你所在网络的请求过多。 (9\d|100) 秒后重试/ }).waitFor();
  // A failed request for history shows its reason as well.
  await chat.page.locator('#top').filter({ hasText: '消息加载失败。 服务器返回 429：你所在网络的请求过多。' }).waitFor();
  assert.equal(proxy.count(EVENTS), 2);
});

for (const [reason, said] of [
  ['connections', 'The server is full.'], ['address', 'Too many connections from your network.'],
  ['members', 'Too many people are online.'], ['history', 'The server can’t read its history right now.'],
]) {
  test(`a page that is told busy because of ${reason} says so`, LIMIT, async (t) => {
    const server = await Server.start(t);
    const proxy = await HttpProxy.start(t, server.host);
    const person = await Person.arrive(t);
    const body = `event: busy\ndata: {"reason":"${reason}","retry_ms":60000}\n\n`;
    proxy.answer(EVENTS, { status: 200, type: 'text/event-stream', body });
    const chat = new Chat(await person.context.newPage());
    await chat.page.goto(proxy.url);
    await chat.status.filter({ hasText: new RegExp(`^${said} Retrying in \\d+ s`) }).waitFor();
  });
}
