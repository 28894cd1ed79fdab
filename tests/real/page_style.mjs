// How messages, fields and colours of the chat page look: what can be measured of it.

import assert from 'node:assert/strict';
import test from 'node:test';

import { LIMIT, QUICK, Person, boundsOf, launch } from './browser.mjs';
import { Server } from './server.mjs';
import { STATES, arriveIn } from './states.mjs';

/** In the page: the contrast of two colours, and the distance of two in OKLab. */
const COLOURS = () => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const linear = (colour) => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  };
  const luminance = (colour) => linear(colour).reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const times = (rows, vector) => rows.map((row) => row.reduce((sum, part, at) => sum + part * vector[at], 0));
  const lab = (colour) => times(
    [[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099], [0.0259040371, 0.7827717662, -0.808675766]],
    times([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566], [0.0883024619, 0.2817188376, 0.6299787005]], linear(colour)).map(Math.cbrt),
  );
  window.contrast = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  window.distance = (a, b) => Math.hypot(...lab(a).map((part, at) => part - lab(b)[at]));
};

const boundsIn = (chat, selector) => boundsOf(chat.page.locator(selector));

test('twelve colours of names can be read and told apart, in both themes', LIMIT, async (t) => {
  const server = await Server.start(t);
  for (const colorScheme of ['light', 'dark']) {
    const chat = await (await Person.arrive(t, { colorScheme })).open(server.url);
    await chat.page.evaluate(COLOURS);
    const { count, worst, nearest } = await chat.with('view/colour.js', `({ COLOURS }) => {
      const row = document.getElementById('log').appendChild(document.createElement('li'));
      row.className = 'message first for-me';
      row.append(document.createElement('span'), document.createElement('bdi'));
      const [avatar, name] = row.children;
      avatar.className = 'avatar';
      name.className = 'name';
      const tokens = ['paper', 'side', 'raised', 'me'].map((token) => {
        const ground = row.appendChild(document.createElement('i'));
        ground.style.background = 'var(--' + token + ')';
        return getComputedStyle(ground).backgroundColor;
      });
      let worst = [Infinity, ''];
      const names = COLOURS.map(([hue, tone]) => {
        row.style.setProperty('--hue', hue);
        row.style.setProperty('--tone', tone);
        const { color } = getComputedStyle(name);
        for (const ground of [...tokens, getComputedStyle(avatar).backgroundColor]) {
          const found = contrast(color, ground);
          if (found < worst[0]) worst = [found, [hue, tone, color, ground].join(' ')];
        }
        return color;
      });
      row.remove();
      let nearest = [Infinity, ''];
      names.forEach((a, at) => names.slice(at + 1).forEach((b) => {
        if (distance(a, b) < nearest[0]) nearest = [distance(a, b), a + ' ' + b];
      }));
      return { count: names.length, worst, nearest };
    }`);
    assert.equal(count, 12);
    assert(worst[0] >= 4.5, `${colorScheme}: ${worst}`);
    assert(nearest[0] >= 0.08, `${colorScheme}: ${nearest}`);
  }
});

test('the border of a field has a contrast of 3:1 with both of its sides', LIMIT, async (t) => {
  const server = await Server.start(t);
  for (const colorScheme of ['light', 'dark']) {
    const chat = await (await Person.arrive(t, { colorScheme })).open(server.url, `Alice ${colorScheme}`);
    await chat.page.evaluate(COLOURS);
    await chat.page.locator('#open-settings').click();
    await chat.page.locator('#theme').waitFor();
    const found = await chat.page.evaluate(() => ['message', 'theme'].map((id) => {
      const field = document.getElementById(id);
      const around = field.closest('dialog') ?? document.body;
      const { borderTopColor, backgroundColor } = getComputedStyle(field);
      return [backgroundColor, getComputedStyle(around).backgroundColor].map((ground) => window.contrast(borderTopColor, ground));
    }));
    assert(found.flat().every((contrast) => contrast >= 3), `${colorScheme}: ${found}`);
  }
});

test('on touch, what can be pressed is 44 px high', LIMIT, async (t) => {
  const browser = await launch();
  t.after(() => browser.close());
  for (const name of ['rooms', 'people', 'settings', 'join-dialog', 'waiting', 'notice', 'long', 'first-visit']) {
    const state = STATES.find((state) => state.name === name);
    const chat = await arriveIn(t, browser, state, { isPhone: true, viewport: { width: 390, height: 740 } });
    const small = await chat.page.evaluate(() => [...document.querySelectorAll('button, select, .room, .person, label.row, textarea, input:not([type=checkbox])')]
      .filter((element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
      .map((element) => [element.getBoundingClientRect(), element])
      .filter(([{ width, height }]) => height < 44 || width < 44)
      .map(([{ width, height }, element]) => `${element.id || element.className || element.textContent}: ${width} × ${height}`));
    assert.deepEqual(small, [], name);
  }
});

test('the clock is that of the browser’s region, the words are those of the page', LIMIT, async (t) => {
  const server = await Server.start(t);
  await server.say('lobby', 'Carol', 'hello');
  for (const [locale, clock] of [
    ['en-US', /^\d{1,2}:\d\d\s[AP]M$/], ['en-GB', /^\d\d:\d\d$/], ['de-DE', /^\d\d:\d\d$/], ['en-AU', /^\d{1,2}:\d\d\s[ap]m$/],
    ['zh-CN', /^\d\d:\d\d$/], ['zh-TW', /^[上下凌清中晚早]\S+?\d{1,2}:\d\d$/],
  ]) {
    const person = await Person.arrive(t, { locale });
    const chat = await person.open(`${server.url}?shared=0`);
    const time = chat.log.locator('time');
    await time.waitFor();
    assert.match(await time.textContent(), clock, locale);
    await person.context.close();
  }
});

test('one to six emoji alone are large', LIMIT, async (t) => {
  const server = await Server.start(t);
  const large = ['🎉', '👍🏽 ❤️', '👩‍👩‍👧‍👦🇩🇪', '1️⃣ 2️⃣ 3️⃣', '😀😀😀😀😀😀'];
  const usual = ['😀😀😀😀😀😀😀', '🎉 done', '1', '#', '123', '©', '/me 🎉'];
  for (const text of [...large, ...usual]) await server.say('lobby', 'Carol', text);
  const chat = await (await Person.arrive(t)).open(server.url);
  await chat.says(...large, ...usual.map((text) => text.replace('/me ', '')));
  await chat.has('#log .emoji .text', ...large);
  const size = (selector) => chat.page.locator(selector).first().evaluate((text) => parseFloat(getComputedStyle(text).fontSize));
  assert(await size('#log .emoji .text') >= 2 * await size('#log .message:not(.emoji) .text'));
});

test('an action is one line; nothing of Chinese is slanted', LIMIT, async (t) => {
  const server = await Server.start(t);
  for (const [name, text] of [['Carol', '/me waves'], ['小明', '/me 挥手'], ['小明', '_重点_ 和 _italic_']]) await server.say('lobby', name, text);
  const chat = await (await Person.arrive(t)).open(server.url);
  await chat.says('waves', '挥手', '重点 和 italic');
  for (const row of await chat.log.locator('.action').all()) {
    const [name, text] = [await boundsOf(row.locator('.name')), await boundsOf(row.locator('.text'))];
    assert(Math.abs(name.y - text.y) < 4 && text.x >= name.x + name.width, 'the text follows the name');
  }
  const slanted = await chat.page.evaluate(() => [...document.querySelectorAll('#log *')]
    .filter((element) => getComputedStyle(element).fontStyle !== 'normal').map(({ textContent }) => textContent));
  assert.deepEqual(slanted, ['italic']);
});

test('a short talk stands at the end, and a notice below it', LIMIT, async (t) => {
  const server = await Server.start(t);
  await server.say('lobby', 'Carol', 'hello');
  const chat = await (await Person.arrive(t)).open(server.url, 'Alice');
  await chat.says('hello');
  const near = async () => {
    const [row, foot] = [await boundsIn(chat, '#log .message:last-child'), await boundsIn(chat, 'footer')];
    return foot.y - (row.y + row.height);
  };
  assert(await near() >= 0 && await near() < 48, `${await near()} px above the message box`);
  await chat.join('garden');
  await chat.say('/leave');
  await chat.page.locator('#notice').waitFor();
  await chat.has('h1', 'lobby');
  assert(await near() >= 0, 'the notice covers no message');
});

test('the day and the first unread message have one line', LIMIT, async (t) => {
  const browser = await launch();
  t.after(() => browser.close());
  const state = STATES.find(({ name }) => name === 'unread-first-of-day');
  const chat = await arriveIn(t, browser, state, { isPhone: false, viewport: { width: 1_280, height: 800 } });
  await chat.has('#log .unread', 'Today New');
  await chat.has('#log .day', 'Yesterday');
  const [date, mark] = [await boundsIn(chat, '.unread .date'), await boundsIn(chat, '.unread .new')];
  assert(Math.abs(date.y - mark.y) < 2 && mark.x > date.x + date.width);
});

test('a room has one badge: mentions, or the number of unread messages', LIMIT, async (t) => {
  const server = await Server.start(t);
  const chat = await (await Person.arrive(t)).open(server.url, 'Alice');
  await chat.join('garden');
  const lobby = chat.rooms.filter({ hasText: 'lobby' });
  await server.say('lobby', 'Carol', 'one');
  await lobby.locator('.badge.count', { hasText: '1 unread' }).waitFor();
  await server.say('lobby', 'Carol', 'two @Alice');
  await lobby.locator('.badge.mentions', { hasText: '1 mention, 2 unread' }).waitFor();
  assert.equal(await lobby.locator('.badge').count(), 1);
});

test('a long address is short in its middle, and is whole when copied', LIMIT, async (t) => {
  const server = await Server.start(t);
  const address = `https://example.org/${'path/'.repeat(30)}😀end.html?query=1#fragment`;
  await server.say('lobby', 'Carol', `see ${address} now`);
  await server.say('lobby', 'Carol', `https://${'sub.'.repeat(20)}example.org/a`);
  const person = await Person.arrive(t, { permissions: ['clipboard-read', 'clipboard-write'], viewport: { width: 1_280, height: 800 } });
  const chat = await person.open(server.url);
  const link = chat.log.locator('a').first();
  await link.waitFor();
  assert.equal(await link.textContent(), address);
  assert.equal(await link.getAttribute('title'), new URL(address).href);
  const { height } = await boundsOf(link);
  assert(height < 30, `one line: ${height}`);
  assert.equal(await chat.log.locator('a').nth(1).locator('.cut').count(), 0, 'the host stays whole');
  await chat.log.locator('.text').first().click({ clickCount: 3, position: { x: 5, y: 5 } });
  await chat.page.keyboard.press('Control+c');
  assert.equal((await chat.page.evaluate(() => navigator.clipboard.readText())).trim(), `see ${address} now`);
});

test('messages that wait are grouped like sent ones', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const chat = await (await Person.arrive(t)).open(server.url, 'Alice');
  await chat.say('sent');
  await chat.says('sent');
  await server.kill();
  for (const text of ['one', 'two', '/me waits', 'three']) await chat.say(text);
  await chat.has('#outbox .text', 'one', 'two', 'waits', 'three');
  // The first goes on the group of the one that was sent.
  await chat.has('#outbox .first .text', 'waits', 'three');
});

test('a message taller than two screens is folded; opening it moves nothing', LIMIT, async (t) => {
  const server = await Server.start(t);
  const tall = Array.from({ length: 90 }, (_, at) => `line ${at}`).join('\n');
  for (let at = 0; at < 30; at += 1) await server.say('lobby', 'Carol', `before ${at}`);
  await server.say('lobby', 'Carol', tall);
  const chat = await (await Person.arrive(t)).open(server.url, 'Alice');
  const { page } = chat;
  const opener = page.getByRole('button', { name: 'Show all' });
  await opener.waitFor();
  await chat.isAtEnd();
  const top = () => page.locator('#log .message').last().evaluate((row) => Math.round(row.getBoundingClientRect().top));
  // Others write while it is read folded.
  await server.say('lobby', 'Carol', 'after');
  await chat.log.getByText('after', { exact: true }).waitFor();
  await chat.isAtEnd();
  const row = page.locator('#log .message').nth(30);
  await page.evaluate(() => { document.getElementById('scroller').scrollTop -= 40; });
  const before = await row.evaluate((row) => row.getBoundingClientRect().top);
  await opener.focus();
  await page.keyboard.press('Enter');
  await opener.waitFor({ state: 'detached' });
  const after = await row.evaluate((row) => row.getBoundingClientRect().top);
  assert(Math.abs(after - before) < 4, `${before} ${after}`);
  assert(await row.evaluate((row) => row.offsetHeight > 2 * document.getElementById('scroller').clientHeight));
  assert(await page.evaluate(() => document.activeElement.matches('.text')), 'the focus is in the message');
  const still = await top();
  await server.say('lobby', 'Carol', 'later');
  await chat.log.getByText('later', { exact: true }).waitFor({ state: 'attached' });
  assert(await row.evaluate((row) => row.getBoundingClientRect().top) === after && still !== null, 'a new message moves nothing');
  // A search leads to the message, and opens it.
  await page.reload();
  await opener.waitFor();
  await page.locator('#open-search').click();
  await page.locator('#search').fill('line 89');
  await page.locator('#results button').first().click();
  await opener.waitFor({ state: 'detached' });
});

test('forced colours show the open room, mentions, own messages and the chosen name', LIMIT, async (t) => {
  const server = await Server.start(t);
  await server.say('lobby', 'Carol', 'hello @Alice');
  const chat = await (await Person.arrive(t, { forcedColors: 'active' })).open(server.url, 'Alice');
  await chat.say('hello');
  await chat.says('hello @Alice', 'hello');
  const border = (selector, pseudo = undefined) => chat.page.locator(selector).first()
    .evaluate((element, pseudo) => parseFloat(getComputedStyle(element, pseudo).borderInlineStartWidth), pseudo);
  assert.equal(await border('.room[aria-current]', '::after'), 3);
  assert.equal(await border('.message.for-me', '::before'), 3);
  assert.equal(await border('.message.own > .avatar'), 3);
  for (const name of ['Bob', 'Bert']) await (await Person.arrive(t)).open(server.url, name);
  await chat.has('#people-count', '3');
  await chat.message.pressSequentially('@B');
  const grounds = chat.page.locator('#completion li');
  await grounds.first().waitFor();
  const colour = await chat.page.locator('#completion [aria-selected=true]').evaluate((item) => getComputedStyle(item).backgroundColor);
  const list = await chat.page.locator('#completion').evaluate((item) => getComputedStyle(item).backgroundColor);
  assert.notEqual(colour, list);
});

test('enlarged to 400 %, the page is complete and scrolls in one direction', LIMIT, async (t) => {
  const browser = await launch();
  t.after(() => browser.close());
  for (const name of ['talk', 'waiting', 'search', 'settings', 'help', 'first-visit', 'notice', 'rooms']) {
    const state = STATES.find((state) => state.name === name);
    const chat = await arriveIn(t, browser, state, { isPhone: false, viewport: { width: 320, height: 256 } });
    const { wide, log, out } = await chat.page.evaluate(() => ({
      wide: [document.documentElement, ...document.querySelectorAll('#scroller, dialog[open], .drawer, main, footer')]
        .filter((element) => element.checkVisibility() && element.scrollWidth > element.clientWidth + 1).map(({ id, tagName }) => id || tagName),
      log: document.getElementById('scroller').clientHeight,
      out: [...document.querySelectorAll('dialog[open], header, footer')]
        .filter((element) => element.getBoundingClientRect().bottom > innerHeight + 1).map(({ id, tagName }) => id || tagName),
    }));
    assert.deepEqual(wide, [], name);
    assert.deepEqual(out, [], name);
    assert(log >= 48, `${name}: the log is ${log} px high`);
  }
});
