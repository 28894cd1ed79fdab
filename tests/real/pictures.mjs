// Pictures of the chat page, for the README and to review a change of its looks.
//
//   SSE_CHAT_BIN=target/release/sse-chat node tests/real/pictures.mjs FOLDER
//
// With `all`, every state of states.mjs at five widths and in both themes, to be
// looked at; with names of states and widths, only these:
//
//   node tests/real/pictures.mjs FOLDER all
//   node tests/real/pictures.mjs FOLDER talk unread 390 1280

import assert from 'node:assert/strict';
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test, { after, before } from 'node:test';

import { Chat, launch } from './browser.mjs';
import { Proxy } from './proxy.mjs';
import { Server } from './server.mjs';
import { STATES, TALK as LOBBY_TALK, arriveIn } from './states.mjs';

const folder = process.argv[2] ?? 'target/pictures';
const DESKTOP = { viewport: { width: 1_200, height: 760 } };
const PHONE = { viewport: { width: 390, height: 760 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

const TALK = {
  lobby: LOBBY_TALK,
  garden: [['Joon', 'tomatoes are ripe 🍅'], ['Joon', '@Ann bring a basket']],
  'release-1.0': [['Mara', 'tagging at four']],
};

/** Of messages in the lobby, by number: who reacted with what. */
const REACTIONS = [[5, '👍', 'Mara', 'Amira'], [5, '❤️', 'Mara', 'Teo', 'Amira']];

let browser;
before(async () => {
  await mkdir(folder, { recursive: true });
  browser = await launch();
});
after(() => browser?.close());

/** A server on which people have talked, and some are still there. */
async function livelyServer(t) {
  const server = await Server.start(t, '--retry', '100ms..200ms');
  for (const name of ['Mara', 'Teo', 'Amira', '俊']) {
    // Node cancels what nobody holds any more. That it is cut by then is no matter.
    const stream = await fetch(`${server.url}/events?room=lobby&name=${encodeURIComponent(name)}`);
    t.after(() => stream.body.cancel().catch(() => {}));
  }
  return server;
}

/** Ann's browser, in three rooms, of which she has read one. */
async function arrive(t, server, url, options) {
  const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
  t.after(() => context.close());
  const chat = new Chat(await context.newPage());
  await chat.page.goto(`${url}/r/garden?shared=0`);
  await chat.is('live');
  await chat.callMe('Ann');
  for (const room of ['release-1.0', 'lobby']) {
    await chat.message.fill(`/join ${room}`);
    await chat.page.locator('#send').click();
    await chat.has('h1', room);
  }
  await chat.is('live');
  for (const [room, messages] of Object.entries(TALK)) {
    for (const [name, message] of messages) await server.say(room, name, message);
  }
  const said = await server.said('lobby');
  for (const [at, emoji, ...names] of REACTIONS) {
    for (const name of names) {
      const reaction = `${server.url}/rooms/lobby/messages/${said[at].id}/reactions/${encodeURIComponent(emoji)}`;
      // A key is a person: another one for each name.
      const headers = { 'edit-key': Buffer.from(name).toString('hex').padEnd(32, '0') };
      const answer = await fetch(`${reaction}?name=${encodeURIComponent(name)}`, { method: 'PUT', headers });
      assert.equal(answer.status, 204);
    }
  }
  const question = chat.log.locator('.message').filter({ hasText: 'before lunch' });
  await question.locator('.more').focus();
  await question.locator('.reply').click();
  await chat.message.fill('On it, give me ten minutes');
  await chat.page.locator('#send').click();
  await chat.log.getByText('ten minutes').waitFor();
  await chat.has('#people-count', '5');
  await chat.page.evaluate(() => document.activeElement.blur());
  await chat.isAtEnd();
  return chat;
}

/** @param {string} name @param {object} options @param {(chat: Chat, proxy: Proxy) => Promise<void>} [before] */
function picture(name, options, before) {
  test(name, { timeout: 60_000 }, async (t) => {
    const server = await livelyServer(t);
    const proxy = await Proxy.start(t, server.host);
    const chat = await arrive(t, server, proxy.url, options);
    await before?.(chat, proxy);
    const path = join(folder, `${name}.png`);
    await chat.page.screenshot({ path });
    assert((await stat(path)).size > 10_000, `${path} shows something`);
  });
}

/** Those of the README. */
function readme() {
  picture('desktop-light', { ...DESKTOP, colorScheme: 'light' });
  picture('desktop-dark', { ...DESKTOP, colorScheme: 'dark' });
  picture('desktop-chinese', { ...DESKTOP, colorScheme: 'light', locale: 'zh-CN' });
  picture('phone-light', { ...PHONE, colorScheme: 'light' });
  picture('phone-dark', { ...PHONE, colorScheme: 'dark' });
  picture('phone-chinese', { ...PHONE, colorScheme: 'dark', locale: 'zh-CN' });
  picture('phone-rooms', { ...PHONE, colorScheme: 'light' }, async (chat) => {
    await chat.page.locator('#open-rooms').click();
    await chat.page.locator('#rooms.open').waitFor();
  });
  picture('phone-first-visit', { ...PHONE, colorScheme: 'light' }, async (chat) => {
    // What Ann's browser remembers is forgotten only once she is not looking.
    const { origin } = new URL(chat.page.url());
    await chat.page.goto(`${origin}/assets/icon.svg`);
    await chat.page.evaluate(() => localStorage.clear());
    await chat.page.goto(`${origin}/?shared=0`);
    await chat.log.getByText('ten minutes').waitFor();
    await chat.has('#people-count', '4');
  });
  picture('reconnecting', { ...DESKTOP, colorScheme: 'light' }, async (chat, proxy) => {
    proxy.block();
    await chat.message.fill('Written in a tunnel: it waits, and is sent when there is light');
    await chat.message.press('Enter');
    await chat.outbox.waitFor();
    await chat.status.filter({ hasText: /in \d+ s/ }).waitFor();
  });
  picture('settings', { ...DESKTOP, colorScheme: 'dark' }, (chat) => chat.page.locator('#open-settings').click());
  picture('help', { ...DESKTOP, colorScheme: 'light' }, async (chat) => {
    await chat.page.keyboard.press('?');
    await chat.page.locator('#help-dialog').waitFor();
  });
}

const WIDTHS = [320, 390, 768, 1_280, 2_560];
/** A page is as tall as such a screen. @param {number} width */
const heightOf = (width) => (width < 500 ? 740 : width > 2_000 ? 1_200 : 800);

/** All widths and themes of one state: one page of a phone, and one of a desktop. @param {import('./states.mjs').State} state @param {number[]} widths */
function pictures(state, widths) {
  for (const isPhone of [true, false]) {
    const fitting = widths.filter((width) => width < 500 === isPhone);
    if (fitting.length === 0) continue;
    test(`${state.name}, ${fitting}`, { timeout: 180_000 }, async (t) => {
      const size = (width) => ({ width, height: state.height ?? heightOf(width) });
      const chat = await arriveIn(t, browser, state, { isPhone, viewport: size(fitting[0]) });
      for (const width of fitting) {
        await chat.page.setViewportSize(size(width));
        for (const colorScheme of ['light', 'dark']) {
          await chat.page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
          await chat.page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
          await chat.page.screenshot({ path: join(folder, `${state.name}-${width}-${colorScheme}.png`) });
        }
      }
    });
  }
}

const wanted = process.argv.slice(3);
const states = STATES.filter(({ name }) => wanted.includes(name));
const widths = wanted.filter((word) => /^\d+$/.test(word)).map(Number);
if (wanted.length === 0) readme();
for (const state of wanted.includes('all') ? STATES : states) pictures(state, widths.length > 0 ? widths : WIDTHS);
