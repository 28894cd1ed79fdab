// The chat page's rooms: many over one stream, and what is unread in them.

import assert from 'node:assert/strict';
import test from 'node:test';

import { LIMIT, Person } from './browser.mjs';
import { HttpProxy } from './http_proxy.mjs';
import { Server } from './server.mjs';

test('the path names the room, and the root is the default one', LIMIT, async (t) => {
  const server = await Server.start(t, '--default-room', 'entrée');
  const person = await Person.arrive(t);
  const chat = await person.open(`${server.url}/r/聊天室`, '小明');
  await chat.has('h1', '聊天室');
  await chat.say('你好');
  await chat.says('你好');
  assert.equal((await server.said('聊天室'))[0].name, '小明');
  const home = await person.open(server.url);
  await home.has('h1', 'entrée');
  assert(await home.page.getByText('Nothing has been said here yet.').isVisible());
  await home.has('#room-list .room-name', '聊天室', 'entrée');
  person.hadNothingToComplainOf();
});

test('rooms are joined over one stream, with what is unread and who was meant', LIMIT, async (t) => {
  const server = await Server.start(t);
  const proxy = await HttpProxy.start(t, server.host);
  const person = await Person.arrive(t);
  const chat = await person.open(`${proxy.url}?shared=0`, 'Alice');
  await server.say('garden', 'Carol', 'before anybody came');
  await chat.join('garden');
  await chat.says('before anybody came');
  await chat.rooms.filter({ hasText: 'lobby' }).click();
  await chat.has('h1', 'lobby');
  assert.equal(new URL(chat.page.url()).pathname, '/r/lobby');
  const garden = chat.rooms.filter({ hasText: 'garden' });
  assert.equal(await garden.locator('.badge').count(), 0);
  for (const text of ['one', '@Alice, two', 'three']) await server.say('garden', 'Carol', text);
  await garden.getByText('3 unread').waitFor({ state: 'attached' });
  await garden.getByText('1 mention').waitFor({ state: 'attached' });
  await chat.page.waitForFunction(() => document.title === '(3) lobby · sse-chat');
  assert.equal(proxy.asked.filter((asked) => /^GET \/events.*room=garden&room=lobby|^GET \/events.*room=lobby&room=garden/.test(asked)).length, 1);

  // It is still so after the browser was closed, and what came meanwhile is added.
  await chat.page.close();
  await server.say('garden', 'Carol', 'four, @Alice');
  const next = await person.open(proxy.url);
  const there = next.rooms.filter({ hasText: 'garden' });
  await there.getByText('4 unread').waitFor({ state: 'attached' });
  await there.getByText('2 mentions').waitFor({ state: 'attached' });
  await there.click();
  await next.says('before anybody came', 'one', '@Alice, two', 'three', 'four, @Alice');
  await next.page.waitForFunction(() => document.title === 'garden · sse-chat');
  assert.equal(await there.locator('.badge').count(), 0);
  await next.has('#log .unread', 'New');
  await next.page.goBack();
  await next.has('h1', 'lobby');
  await next.page.goForward();
  await next.has('h1', 'garden');
  person.hadNothingToComplainOf();
});

test('a room is left, and the next one opens', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  for (const room of ['a', 'b', 'c']) await chat.join(room);
  await chat.rooms.filter({ hasText: /^b$/ }).click();
  await chat.has('h1', 'b');
  await chat.page.getByRole('button', { name: 'Leave b' }).click();
  await chat.has('h1', 'c');
  await chat.has('#room-list .room-name', 'lobby', 'a', 'c');
  await chat.page.getByText('You have left b.').first().waitFor();
  for (const room of ['c', 'a', 'lobby']) {
    await chat.rooms.filter({ hasText: new RegExp(`^${room}$`) }).hover();
    await chat.page.getByRole('button', { name: `Leave ${room}` }).click();
  }
  // Nobody is nowhere.
  await chat.has('#room-list .room-name', 'lobby');
  await chat.has('h1', 'lobby');
});

test('a room that is none is said to be none', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  await chat.page.locator('#join-room').click();
  for (const room of ['', 'a b', '..', 'a/b', 'x'.repeat(65), '<b>']) {
    await chat.page.locator('#new-room').fill(room);
    await chat.page.locator('#new-room').press('Enter');
    await chat.page.getByRole('alert').filter({ hasText: '1 to 64 letters' }).waitFor();
    await chat.page.locator('#new-room').fill('x');
  }
  await chat.page.locator('#new-room').fill(' #Größe-1.0 ');
  await chat.page.locator('#new-room').press('Enter');
  await chat.has('h1', 'Größe-1.0');
  for (let room = 1; room <= 48; room += 1) await chat.say(`/join room-${room}`);
  await chat.has('h1', 'room-48');
  await chat.say('/join one-too-many');
  await chat.page.getByText('That is the last of 50 rooms.').first().waitFor();
  await chat.has('h1', 'room-48');
  await chat.is('live');
  await server.say('room-1', 'Carol', 'hello');
  await chat.page.locator('[data-room=room-1]').getByText('1 unread').waitFor({ state: 'attached' });
  person.hadNothingToComplainOf();
});

test('the invite link leads into the room', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t, { permissions: ['clipboard-read', 'clipboard-write'] });
  const chat = await person.open(`${server.url}/r/聊天室`, 'Alice');
  await chat.page.getByRole('button', { name: 'Copy the invite link' }).click();
  await chat.page.getByText('Link copied.').first().waitFor();
  const link = await chat.page.evaluate(() => navigator.clipboard.readText());
  const guest = await (await Person.arrive(t)).open(link, 'Bob');
  await guest.has('h1', '聊天室');
  await guest.say('here I am');
  await chat.says('here I am');
});
