// A page of another site in Debian's Chromium: whatever it makes its visitor's
// browser send, the visitor becomes no member, keeps its streams, and its own
// chat page works.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import test from 'node:test';

import { LIMIT, Person, QUICK } from './browser.mjs';
import { Server, within } from './server.mjs';

/** A server that limits its visitor, who is on this machine. */
const LIMITED = [...QUICK, '--limit-loopback', '--max-streams-per-address', '2', '--request-rate', '1/m', '--request-burst', '20'];

/** An empty page at another site; resolves with its origin. */
async function otherSite(t) {
  const site = createServer((_, response) => {
    response.setHeader('content-type', 'text/html').end('<!doctype html><title>other</title>');
  });
  site.listen(0, '127.0.0.1');
  await once(site, 'listening');
  t.after(() => site.closeAllConnections());
  t.after(() => site.close());
  // For a browser `localhost` is another site than 127.0.0.1.
  return `http://localhost:${site.address().port}`;
}

/** All that a page can make a browser send without being asked. Resolves once all of it has ended. */
function attack(url) {
  const ends = [];
  const element = (name, fields) => {
    const node = Object.assign(document.createElement(name), fields);
    ends.push(new Promise((end) => { node.onload = node.onerror = end; }));
    document.body.append(node);
  };
  for (let i = 0; i < 20; i += 1) {
    const stream = `${url}/events?room=lobby&room=other&name=Mallory${i}`;
    element('img', { src: stream });
    ends.push(fetch(stream, { mode: 'no-cors' }).catch(() => {}));
    ends.push(fetch(`${url}/sse.php?name=Demo${i}`, { mode: 'no-cors', referrerPolicy: 'no-referrer' }).catch(() => {}));
    ends.push(fetch(`${url}/rooms/lobby/messages?${i}`, { mode: 'no-cors' }).catch(() => {}));
    element('img', { src: `${url}/send.php?name=Mallory&message=${i}`, referrerPolicy: 'no-referrer' });
  }
  element('iframe', { src: `${url}/rooms/lobby/events?name=Frame` });
  element('script', { src: `${url}/rooms/lobby/events?name=Script` });
  const source = new EventSource(`${url}/rooms/lobby/events?name=Source`);
  ends.push(new Promise((end) => { source.onerror = source.onopen = end; }));
  return Promise.all(ends).then(() => source.readyState);
}

test('a page of another site takes nothing of its visitor', LIMIT, async (t) => {
  const server = await Server.start(t, ...LIMITED);
  const visitor = await Person.arrive(t);
  const other = await visitor.context.newPage();
  await other.goto(await otherSite(t));
  const state = await within(other.evaluate(attack, server.url), 'the end of all requests');
  assert.equal(state, 2, 'an EventSource of another origin is closed for good');
  // A stream of the visitor's own, and its requests, have their places and their rates.
  const chat = await visitor.open(`${server.url}/r/lobby`, 'Alice');
  await chat.page.waitForFunction(async () => {
    const { members } = await (await fetch('/rooms/lobby/members')).json();
    return members.length > 0;
  });
  const { members } = await chat.page.evaluate(async () => (await fetch('/rooms/lobby/members')).json());
  assert.deepEqual(members.map(({ name }) => name), ['Alice']);
  assert.deepEqual(await server.said('lobby'), []);
});

test('a link to the chat works, one to a stream does not, and a typed address does', LIMIT, async (t) => {
  const server = await Server.start(t, ...LIMITED);
  const visitor = await Person.arrive(t);
  const site = await otherSite(t);
  /** Follows a link on the other site. @param {string} path */
  const follow = async (path) => {
    const page = await visitor.context.newPage();
    await page.goto(site);
    await page.evaluate((href) => {
      document.body.append(Object.assign(document.createElement('a'), { id: 'link', href, textContent: 'link' }));
    }, server.url + path);
    const [response] = await Promise.all([
      page.waitForResponse((response) => response.url() === server.url + path),
      page.click('#link', { noWaitAfter: true }),
    ]);
    return response;
  };
  assert.equal((await follow('/r/lobby')).status(), 200);
  const refused = await follow('/rooms/lobby/events');
  assert.equal(refused.status(), 403);
  // A person gets a page, and programs get JSON.
  assert.match(refused.headers()['content-type'], /^text\/html/);
  assert.match(await refused.text(), /403 cross_origin/);
  assert.equal((await follow('/rooms/lobby/messages')).status(), 403);
  const typed = await visitor.context.newPage();
  assert.equal((await typed.goto(`${server.url}/rooms/lobby/messages`)).status(), 200);
  const stream = await typed.goto(`${server.url}/rooms/lobby/events`, { waitUntil: 'commit' });
  assert.equal(stream.status(), 200);
  assert.match(stream.headers()['content-type'], /^text\/event-stream/);
});

test('a page of an allowed origin joins, writes and reads; of any other by a star, it only reads', LIMIT, async (t) => {
  const site = await otherSite(t);
  const visitor = await Person.arrive(t);
  const page = await visitor.context.newPage();
  await page.goto(site);
  /** Whether an EventSource there opens. @param {string} url */
  const opens = (url) => within(page.evaluate((address) => new Promise((end) => {
    const source = new EventSource(address);
    source.addEventListener('hello', () => { source.close(); end(true); });
    source.onerror = () => { source.close(); end(false); };
  }), url), url);
  const named = await Server.start(t, '--allow-origin', site);
  assert.equal(await opens(`${named.url}/rooms/lobby/events?name=Alice`), true);
  const star = await Server.start(t, '--allow-origin', '*');
  assert.equal(await opens(`${star.url}/rooms/lobby/events`), true);
  assert.equal(await opens(`${star.url}/rooms/lobby/events?name=Alice`), false);
  const none = await Server.start(t);
  assert.equal(await opens(`${none.url}/rooms/lobby/events`), false);
});
