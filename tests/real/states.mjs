// The states of the chat page that are looked at: as pictures (pictures.mjs) and by
// axe-core (page_look.mjs). Each prepares a server, and then the page of a reader.

import assert from 'node:assert/strict';

import { Chat, ELSEWHERE, elsewhere, press as hold, timezoneAtNoon } from './browser.mjs';
import { Proxy } from './proxy.mjs';
import { Server } from './server.mjs';

const KEY = 'abcdefghijklmnop';
const HOUR = 3_600_000;

/**
 * What a state has to work with. `page` is that of Ann, who has a name unless
 * `nameless` is set, and is in the lobby.
 * @typedef {{server: import('./server.mjs').Server, proxy: import('./proxy.mjs').Proxy,
 *            chat: import('./browser.mjs').Chat, isPhone: boolean}} Scene
 * @typedef {{name: string, nameless?: boolean, room?: string, locale?: string, members?: string[], height?: number,
 *            isElsewhere?: boolean, flags?: string[], before?: (server: import('./server.mjs').Server) => Promise<void>,
 *            route?: (page: any) => Promise<void>, show?: (scene: Scene) => Promise<void>}} State
 *   `height`: in CSS pixels; `isElsewhere`: not on a loopback address, which is never offline
 */

/** What is said in the lobby. */
export const TALK = [
  ['Mara', 'Morning! The new build is on staging, **please poke at it** ☀️'],
  ['Mara', 'notes: https://example.org/notes/42 (short this time, promise)'],
  ['Teo', 'Reading. Love that a reconnect just goes on where it was'],
  ['Amira', 'صباح الخير، كل شيء يعمل هنا 👍'],
  ['Teo', 'This is the whole client, by the way:\n```js\nconst stream = new EventSource("/events?room=lobby");\nstream.addEventListener("update", ({ data }) =>\n  console.log(JSON.parse(data).message));\n```'],
  ['俊', '早上好！文档在https://example.org/docs，我看完了。'],
  ['Teo', '/me gets coffee'],
  ['Mara', '@Ann could you look at `history.rs` before lunch?'],
];
const NAMES = ['Mara', 'Teo', 'Amira', '俊', 'Joon', 'Dmitri', 'Lucía', 'Noor', 'Kofi', 'Wren', 'Ines', 'Bao'];

/** @param {any} server @param {string[][]} talk @param {string} [room] */
async function speak(server, talk, room = 'lobby') {
  for (const [name, message] of talk) await server.say(room, name, message);
}

/** Publishes a message that can be changed. */
async function publish(server, name, message, more = {}) {
  const response = await fetch(`${server.url}/rooms/lobby/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ name, message, edit_key: KEY, ...more }),
  });
  assert.equal(response.status, 201);
  return (await response.json()).id;
}

async function change(server, id, method, path = '', body = undefined, key = KEY) {
  const response = await fetch(`${server.url}/rooms/lobby/messages/${id}${path}`, {
    method, headers: { 'edit-key': key, ...body && { 'content-type': 'application/json' } }, body: body && JSON.stringify(body),
  });
  assert(response.ok, `${method} ${path}: ${response.status}`);
}

const react = (server, id, emoji, name) =>
  change(server, id, 'PUT', `/reactions/${encodeURIComponent(emoji)}?name=${encodeURIComponent(name)}`, undefined, Buffer.from(name).toString('hex').padEnd(16, 'x'));

/** Moves the messages of the history back in time: the older ones, the further. @param {any} page @param {number} step in ms, between two @param {number} [newest] in ms */
async function age(page, step, newest = 0) {
  await page.route(/\/messages\?/, async (route) => {
    const response = await route.fetch();
    const body = await response.json();
    const { messages } = body;
    messages.forEach((message, at) => {
      if (message.created_at) message.created_at = new Date(Date.parse(message.created_at) - newest - (messages.length - 1 - at) * step).toISOString();
    });
    await route.fulfill({ response, json: body });
  });
}

const press = (chat, id) => chat.page.locator(`#${id}`).evaluate((button) => button.click());

/** By the button: on a phone, Enter begins a line. */
async function send(chat, text) {
  await chat.message.fill(text);
  await press(chat, 'send');
}

async function openDrawer(chat, drawer, opener) {
  const button = chat.page.locator(opener);
  if (!await button.isVisible()) return;
  await button.click();
  await chat.page.locator(`${drawer}.open`).waitFor();
}

/** Ann reads the garden while others write in the lobby; then she comes back. */
async function comeBack({ chat, server }, talk) {
  await chat.join('garden');
  await speak(server, talk);
  await chat.rooms.locator('.badge').first().waitFor({ state: 'attached' });
  await chat.rooms.filter({ hasText: 'lobby' }).evaluate((link) => link.click());
  await chat.has('h1', 'lobby');
}

/** @type {State[]} */
export const STATES = [
  { name: 'first-visit', nameless: true, members: NAMES.slice(0, 4), before: (server) => speak(server, TALK) },
  { name: 'first-visit-empty', nameless: true },
  { name: 'only-me' },
  { name: 'short', members: ['Mara'], before: (server) => speak(server, TALK.slice(0, 3)) },
  {
    name: 'days', members: NAMES.slice(0, 6),
    before: async (server) => {
      for (let at = 0; at < 40; at += 1) await server.say('lobby', NAMES[Math.floor(at / 3) % NAMES.length], TALK[at % 3][1]);
    },
    route: (page) => age(page, 2 * HOUR),
  },
  {
    name: 'talk', members: NAMES.slice(0, 5), before: (server) => speak(server, TALK),
    show: async ({ chat }) => {
      for (const text of ['On it, give me ten minutes', 'and thanks', '🎉👍', '/me opens history.rs']) await send(chat, text);
      await chat.log.getByText('opens history').waitFor();
    },
  },
  {
    name: 'colours', members: NAMES, before: (server) => speak(server, NAMES.map((name) => [name, `I am ${name}`])),
  },
  {
    name: 'changed', members: NAMES.slice(0, 4),
    before: async (server) => {
      const question = await publish(server, 'Mara', 'Shall we release on Friday?');
      await publish(server, 'Teo', 'No. Never on a Friday.', { reply_to: question });
      await change(server, await publish(server, 'Teo', 'Monday is better'), 'PATCH', '', { message: 'Monday, ten o’clock, is better' });
      await change(server, await publish(server, 'Amira', 'gone'), 'DELETE');
      const last = await publish(server, 'Amira', 'Then it is Monday');
      for (const name of ['Mara', 'Teo', '俊']) await react(server, last, '👍', name);
      await react(server, last, '🎉', 'Teo');
    },
  },
  {
    name: 'waiting', members: NAMES.slice(0, 3), before: (server) => speak(server, TALK.slice(0, 3)),
    show: async ({ chat, proxy }) => {
      await chat.page.route('**/messages', (route) => route.fulfill({ status: 400, json: { code: 'invalid_message', detail: '' } }), { times: 1 });
      await send(chat, 'this one is refused');
      await chat.outbox.locator('.link').first().waitFor();
      proxy.block();
      for (const text of ['Written in a tunnel', 'and one more', 'they are sent in this order']) await send(chat, text);
      await chat.status.filter({ hasText: /in \d+ s/ }).waitFor();
    },
  },
  {
    name: 'unread', members: NAMES.slice(0, 3), before: (server) => speak(server, TALK.slice(0, 3)),
    show: async (scene) => {
      await comeBack(scene, [['Teo', 'you missed this'], ['Teo', 'and this, @Ann']]);
      await scene.chat.log.locator('.unread').waitFor();
    },
  },
  {
    name: 'unread-first-of-day', members: NAMES.slice(0, 3), before: (server) => speak(server, [['Teo', 'seen']]),
    route: (page) => age(page, HOUR, 30 * HOUR),
    show: async (scene) => {
      await comeBack(scene, [['Mara', 'the first of today']]);
      await scene.chat.log.locator('.unread .date').waitFor();
    },
  },
  {
    name: 'pill', members: NAMES.slice(0, 3),
    before: async (server) => { for (let at = 0; at < 60; at += 1) await server.say('lobby', NAMES[at % 4], `line ${at} of a long talk`); },
    show: async ({ chat, server }) => {
      // The whole page, and not only its preview.
      await chat.log.getByText('line 10 ').waitFor();
      await chat.isAtEnd();
      await chat.page.locator('#scroller').evaluate((scroller) => { scroller.scrollTop -= 900; });
      await chat.pill.waitFor();
      for (const text of ['one', 'two']) await server.say('lobby', 'Mara', text);
      await chat.pill.filter({ hasText: '2' }).waitFor();
    },
  },
  {
    name: 'search', members: NAMES.slice(0, 3), before: (server) => speak(server, TALK),
    show: async ({ chat }) => {
      await press(chat, 'open-search');
      await chat.page.locator('#search').fill('the');
      await chat.page.locator('#results button').first().waitFor();
    },
  },
  {
    name: 'switcher', members: NAMES.slice(0, 4),
    show: async ({ chat }) => {
      for (const room of ['garden', 'release-1.0']) await chat.join(room);
      await chat.page.keyboard.press('Control+k');
      await chat.page.locator('#switcher-list li').first().waitFor();
    },
  },
  {
    name: 'completion', members: NAMES, before: (server) => speak(server, TALK.slice(0, 3)),
    show: async ({ chat }) => {
      await chat.message.pressSequentially('@');
      await chat.page.locator('#completion li').first().waitFor();
    },
  },
  {
    name: 'actions', members: NAMES.slice(0, 3), before: (server) => speak(server, TALK.slice(0, 3)),
    show: async ({ chat, isPhone }) => {
      const row = chat.log.locator('.message').last();
      if (isPhone) return hold(chat, row);
      await row.hover();
      await row.locator('.more').click();
    },
  },
  {
    name: 'answering', members: NAMES.slice(0, 3), before: (server) => speak(server, TALK.slice(0, 3)),
    show: async ({ chat, isPhone }) => {
      const row = chat.log.locator('.message').last();
      if (isPhone) await hold(chat, row);
      else await row.hover();
      await (isPhone ? chat.page.locator('.sheet') : row).getByRole('button', { name: 'Reply' }).click();
    },
  },
  { name: 'invite', isElsewhere: true, members: NAMES.slice(0, 3), show: ({ chat }) => chat.page.locator('#copy-link').click() },
  { name: 'people', members: NAMES, before: (server) => speak(server, TALK), show: ({ chat }) => openDrawer(chat, '#people', '#open-people') },
  {
    name: 'rooms', before: (server) => speak(server, TALK.slice(0, 3)),
    show: async ({ chat, server }) => {
      for (const room of ['garden', 'release-1.0', 'a-room-with-a-rather-long-name-for-a-narrow-list', 'quiet']) await chat.join(room);
      await speak(server, [['Joon', 'tomatoes are ripe 🍅'], ['Joon', '@Ann bring a basket']], 'garden');
      await server.say('release-1.0', 'Mara', 'tagging at four');
      await chat.rooms.locator('.badge').nth(1).waitFor({ state: 'attached' });
      await openDrawer(chat, '#rooms', '#open-rooms');
    },
  },
  { name: 'settings', before: (server) => speak(server, TALK.slice(0, 3)), show: ({ chat }) => press(chat, 'open-settings') },
  {
    name: 'help', before: (server) => speak(server, TALK.slice(0, 3)),
    show: async ({ chat }) => {
      await chat.page.keyboard.press('Escape');
      await send(chat, '/help');
      await chat.page.locator('#help-dialog').waitFor();
    },
  },
  { name: 'join-dialog', before: (server) => speak(server, TALK.slice(0, 3)), show: ({ chat }) => press(chat, 'join-room') },
  {
    name: 'chinese', locale: 'zh-CN', room: '花园', members: ['小明', '俊'],
    before: (server) => speak(server, [
      ['小明', '早上好！新版本已经上线了，大家帮忙试一下。'], ['小明', '_重点_ 看一下重新连接'],
      ['俊', '好的，我看看。'], ['俊', '/me 去倒杯咖啡'], ['小明', '@Ann 你有空吗？'], ['俊', '👍👍'],
    ], '花园'),
  },
  {
    name: 'right-to-left', members: ['Amira', 'Noa'],
    before: (server) => speak(server, [
      ['Amira', 'صباح الخير، كل شيء يعمل هنا 👍'], ['Amira', 'انظر إلى https://example.org/docs من فضلك'],
      ['Noa', 'בוקר טוב @Ann'], ['نورة', '/me تشرب القهوة'],
    ]),
  },
  {
    name: 'long', members: NAMES.slice(0, 3),
    before: (server) => speak(server, [
      ['Teo', `see https://example.org/${'a-long-path/'.repeat(12)}index.html?and=a&long=query#end before lunch`],
      ['Teo', '```\nexport const words = translator(() => (language() === "zh-CN" ? zh : en)); // a line of code that is longer than the column is wide, by far\n```'],
      ['Mara', Array.from({ length: 90 }, (_, at) => `line ${at} of a message that is too tall`).join('\n')],
    ]),
  },
  {
    name: 'gap', flags: ['--history', '5'], members: NAMES.slice(0, 3), before: (server) => speak(server, TALK.slice(0, 3)),
    show: async ({ chat, proxy, server }) => {
      proxy.block();
      await chat.is('waiting');
      await speak(server, Array.from({ length: 12 }, (_, at) => ['Teo', `number ${at}`]));
      proxy.unblock();
      await chat.is('live');
      await chat.log.locator('.gap').waitFor();
    },
  },
  {
    name: 'offline', isElsewhere: true, members: NAMES.slice(0, 3), before: (server) => speak(server, TALK.slice(0, 3)),
    show: async ({ chat }) => {
      await chat.page.context().setOffline(true);
      await chat.status.filter({ hasText: 'offline' }).waitFor();
    },
  },
  {
    // As after a reload without a network.
    name: 'stored', members: NAMES.slice(0, 3), before: (server) => speak(server, TALK),
    show: async ({ chat }) => {
      await chat.log.getByText('before lunch').waitFor();
      // The stream under the new name.
      await chat.page.locator('#people-list .name', { hasText: 'Ann' }).waitFor({ state: 'attached' });
      await chat.is('live');
      await chat.hide(true);
      await chat.page.route(/\/(events\?|rooms\/)/, (route) => route.abort());
      await chat.page.reload();
      await chat.log.locator('.as-of').waitFor();
    },
  },
  {
    name: 'alerts', before: (server) => speak(server, TALK.slice(0, 3)),
    show: async ({ chat }) => {
      await chat.join('garden');
      await openDrawer(chat, '#rooms', '#open-rooms');
      await chat.page.getByRole('button', { name: 'Notifications in garden' }).click();
      await chat.page.getByRole('menuitemradio').first().waitFor();
    },
  },
  {
    name: 'busy', members: NAMES.slice(0, 3), before: (server) => speak(server, TALK.slice(0, 3)),
    show: async ({ chat, proxy }) => {
      await chat.page.route(/\/events\?/, (route) => route.fulfill({
        status: 503, headers: { 'retry-after': '100' }, contentType: 'application/problem+json', body: JSON.stringify({ code: 'too_many_connections', detail: '' }),
      }));
      proxy.block();
      proxy.unblock();
      await chat.status.filter({ hasText: '503' }).waitFor();
    },
  },
  {
    name: 'notice', members: NAMES.slice(0, 3), before: (server) => speak(server, TALK),
    show: async ({ chat }) => {
      await chat.join('garden');
      await send(chat, '/leave');
      await chat.has('h1', 'lobby');
      await chat.page.locator('#notice button').waitFor();
    },
  },
  { name: 'low', height: 256, members: NAMES.slice(0, 3), before: (server) => speak(server, TALK) },
];

/** Opens the page in a state. @param {any} browser @param {State} state @param {{isPhone: boolean, viewport: object, colorScheme?: string}} options */
export async function arriveIn(t, browser, state, { isPhone, viewport, colorScheme = 'light' }) {
  const server = await Server.start(t, '--retry', '100ms..200ms', ...ELSEWHERE, ...state.flags ?? []);
  const room = state.room ?? 'lobby';
  for (const name of state.members ?? []) {
    const stream = await fetch(`${server.url}/events?room=${encodeURIComponent(room)}&name=${encodeURIComponent(name)}`);
    t.after(() => stream.body.cancel().catch(() => {}));
  }
  await state.before?.(server);
  const proxy = await Proxy.start(t, server.host);
  const context = await browser.newContext({
    serviceWorkers: 'block', viewport, colorScheme, reducedMotion: 'reduce', locale: state.locale ?? 'en-GB', timezoneId: timezoneAtNoon(), ...isPhone && { hasTouch: true, isMobile: true, deviceScaleFactor: 2 },
  });
  t.after(() => context.close());
  const chat = new Chat(await context.newPage());
  await state.route?.(chat.page);
  await chat.page.goto(`${state.isElsewhere ? elsewhere(proxy.url) : proxy.url}/r/${encodeURIComponent(room)}?shared=0`);
  await chat.is('live');
  if (!state.nameless) {
    await chat.callMe('Ann');
    // The rows are drawn again with the name and its rights.
    await chat.page.locator('#people-list .name', { hasText: 'Ann' }).waitFor({ state: 'attached' });
    await chat.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  }
  await state.show?.({ server, proxy, chat, isPhone });
  return chat;
}
