// How the chat page is used: in two themes, by keyboard, with a screen reader, in
// two languages.

import assert from 'node:assert/strict';
import test from 'node:test';
import { fileURLToPath } from 'node:url';

import { violations } from './axe.mjs';
import { LIMIT, QUICK, Person, boundsOf, launch } from './browser.mjs';
import { Server } from './server.mjs';
import { STATES, arriveIn } from './states.mjs';

for (const colorScheme of ['light', 'dark']) {
  test(`axe-core finds nothing wrong, ${colorScheme}`, LIMIT, async (t) => {
    const names = Array.from({ length: 12 }, (_, index) => `Person ${index * 7}`);
    for (const viewport of [{ width: 1_400, height: 900 }, { width: 360, height: 740 }]) {
      const server = await Server.start(t, ...QUICK);
      for (const name of names) await server.say('lobby', name, `Hello @Alice, \`code\` **bold** https://example.com/ @${name}`);
      await server.say('lobby', 'Carol', '```js\nlet a = 1;\n```');
      await server.say('lobby', 'Carol', '/me waves');
      const person = await Person.arrive(t, { colorScheme, viewport, reducedMotion: 'reduce' });
      const chat = await person.open(`${server.url}?shared=0`);
      await chat.log.getByText('waves').waitFor();
      assert.deepEqual(await violations(chat.page), [], 'before a name is chosen');
      await chat.callMe('Alice');
      await chat.join('garden');
      await server.say('lobby', 'Carol', 'hey @Alice');
      await chat.rooms.locator('.badge').first().waitFor({ state: 'attached' });
      await chat.rooms.filter({ hasText: 'lobby' }).evaluate((link) => link.click());
      await chat.log.locator('.unread').waitFor();
      await chat.page.route('**/messages', (route) => route.fulfill({ status: 400, json: { code: 'invalid_message', detail: '' } }));
      await chat.say('not taken');
      await chat.outbox.locator('.actions, .link').first().waitFor();
      await chat.message.fill('@p');
      assert.deepEqual(await violations(chat.page), [], 'while talking');
      for (const dialog of ['open-settings', 'join-room', 'me']) {
        await chat.page.locator(`#${dialog}`).evaluate((button) => button.click());
        await chat.page.locator('dialog[open]').waitFor();
        assert.deepEqual(await violations(chat.page), [], dialog);
        await chat.page.keyboard.press('Escape');
      }
      await chat.message.fill('/help');
      await chat.message.press('Enter');
      await chat.page.locator('#help-dialog').waitFor();
      assert.deepEqual(await violations(chat.page), [], 'help');
      await chat.page.keyboard.press('Escape');
      if (viewport.width < 500) {
        await chat.page.locator('#open-rooms').click();
        assert.deepEqual(await violations(chat.page), [], 'the rooms');
        await chat.page.keyboard.press('Escape');
      }
      await chat.page.locator('#open-search').click();
      await chat.page.locator('#search').fill('hello');
      await chat.page.locator('#results button').first().waitFor();
      assert.deepEqual(await violations(chat.page), [], 'search');
      await server.kill();
      await chat.status.waitFor();
      assert.deepEqual(await violations(chat.page), [], 'disconnected');
      person.hadNothingToComplainOf({ netFailures: true });
      await person.context.close();
    }
  });
}

for (const [at, state] of STATES.entries()) {
  // Every state once, in turn on a phone and on a desktop, light and dark.
  const isPhone = at % 2 === 0;
  const colorScheme = at % 4 < 2 ? 'light' : 'dark';
  test(`axe-core finds nothing wrong: ${state.name}`, LIMIT, async (t) => {
    const browser = await launch();
    t.after(() => browser.close());
    const viewport = { width: isPhone ? 390 : 1_280, height: state.height ?? 800 };
    const chat = await arriveIn(t, browser, state, { isPhone, viewport, colorScheme });
    assert.deepEqual(await violations(chat.page), []);
  });
}

test('with the keyboard alone: join in, talk, change rooms, find, set, get help', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url);
  const { keyboard } = chat.page;
  const focused = () => chat.page.evaluate(() => document.activeElement.id || document.activeElement.getAttribute('aria-label') || document.activeElement.textContent);
  // Tab until something has the focus.
  const tabTo = async (wanted, key = 'Tab') => {
    const seen = [];
    while (!(seen.at(-1) ?? '').startsWith(wanted)) {
      assert(seen.length < 40, `${wanted} is not among ${seen}`);
      await keyboard.press(key);
      seen.push(await focused());
    }
  };
  assert.equal(await focused(), 'name');
  await keyboard.type('Alice');
  await keyboard.press('Enter');
  assert.equal(await focused(), 'message');
  await keyboard.type('hello');
  await keyboard.press('Enter');
  await chat.says('hello');
  assert.equal(await focused(), 'message');
  await tabTo('join-room', 'Shift+Tab');
  await keyboard.press('Enter');
  await chat.page.waitForFunction(() => document.activeElement.matches('input'));
  await keyboard.type('garden');
  await keyboard.press('Enter');
  await chat.has('h1', 'garden');
  assert.equal(await focused(), 'message');
  await tabTo('lobby', 'Shift+Tab');
  await keyboard.press('Enter');
  await chat.has('h1', 'lobby');
  await tabTo('open-settings', 'Shift+Tab');
  await keyboard.press('Enter');
  await chat.page.locator('#theme:focus').waitFor();
  await keyboard.press('Escape');
  assert.equal(await focused(), 'open-settings');
  await keyboard.press('?');
  await chat.page.getByRole('dialog', { name: 'Help' }).waitFor();
  await keyboard.press('Escape');
  // A key typed anywhere goes to the message box.
  await keyboard.type('x');
  assert.equal(await focused(), 'message');
  assert.equal(await chat.message.inputValue(), 'x');
  await keyboard.press('Backspace');
  await tabTo('said', 'Shift+Tab');
  await keyboard.press('/');
  assert.equal(await focused(), 'message');
  assert.equal(await chat.message.inputValue(), '');
  for (let line = 0; line < 60; line += 1) await server.say('lobby', 'Carol', `line ${line}`);
  await chat.log.getByText('line 59', { exact: true }).waitFor();
  await keyboard.press('PageUp');
  await chat.pill.waitFor();
  await keyboard.press('End');
  await chat.isAtEnd();
  await chat.page.locator(':focus-visible').waitFor();
  person.hadNothingToComplainOf();
});

test('what is said is a log, and who does not see hears of the connection', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  for (let line = 0; line < 30; line += 1) await server.say('lobby', 'Carol', `line ${line}`);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  await chat.page.getByRole('log', { name: 'Messages' }).waitFor();
  await chat.page.locator('#said:not([aria-live])').waitFor();
  await chat.log.getByText('line 29', { exact: true }).waitFor();
  const [row] = await chat.log.locator('.message:not(.first)').all();
  assert.match(await row.textContent(), /^Carolline \d+?\d{1,2}:\d\d\s[AP]M⋯?$/, 'who, what, when');
  await server.kill();
  await chat.page.getByRole('status').filter({ hasText: 'Disconnected. Reconnecting…' }).waitFor({ state: 'attached' });
  await server.startAgain();
  await chat.page.getByRole('status').filter({ hasText: 'Back online.' }).waitFor({ state: 'attached' });
});

test('the page speaks Chinese to who reads Chinese, and can be told another language', LIMIT, async (t) => {
  const server = await Server.start(t);
  await server.say('lobby', 'Carol', 'hello');
  for (const [locale, lang, placeholder] of [['zh-CN', 'zh-CN', '发消息到 #lobby'], ['zh-TW', 'zh-CN', '发消息到 #lobby'], ['de-DE', 'en', 'Message #lobby'], ['en-GB', 'en', 'Message #lobby']]) {
    const person = await Person.arrive(t, { locale });
    const chat = await person.open(server.url, `小明 ${locale}`);
    assert.equal(await chat.page.evaluate(() => document.documentElement.lang), lang);
    assert.equal(await chat.message.getAttribute('placeholder'), placeholder, locale);
    await person.context.close();
  }
  const person = await Person.arrive(t, { locale: 'zh-CN' });
  const chat = await person.open(server.url, '小明');
  await chat.has('#log .day', '今天');
  await chat.has('#people-title', '1 人在线');
  await chat.page.getByRole('button', { name: '设置' }).click();
  await chat.page.getByLabel('语言').selectOption('en');
  await chat.has('#log .day', 'Today');
  await chat.has('#people-title', '1 person here');
  await chat.page.reload();
  await chat.is('live');
  await chat.has('#log .day', 'Today');
  assert.equal(await chat.page.evaluate(() => document.documentElement.lang), 'en');
  person.hadNothingToComplainOf();
});

test('each language says everything, and with the same parts', LIMIT, async (t) => {
  const server = await Server.start(t);
  const chat = await (await Person.arrive(t)).open(server.url);
  const differing = await chat.with('words/words_en.js', `async ({ words }, load) => {
    const [chinese, ...others] = await Promise.all(['words/words_zh.js', 'words/more_words.js', 'later/help.js', 'later/settings_dialog.js'].map(load));
    const parts = (word) => JSON.stringify([...new Set(JSON.stringify(word).match(/\\{\\w+\\}/g))].sort());
    return [{ en: words, zh: chinese.words }, ...others].flatMap(({ en, zh }) =>
      [...new Set([...Object.keys(en), ...Object.keys(zh)])].filter((key) => !(key in en) || !(key in zh)
        // A title that names the emoji in one of the languages.
        || parts(en[key]) !== parts(zh[key]) && key !== 'emojiNames' || typeof en[key] !== typeof zh[key]));
  }`);
  assert.deepEqual(differing, []);
  // Every text that the document refers to exists.
  const missing = await chat.with('words/words_en.js', `({ words: en }) =>
    [...document.querySelectorAll('[data-word], [data-label], [data-placeholder]')]
      .flatMap(({ dataset }) => [dataset.word, dataset.label, dataset.placeholder])
      .filter((word) => word !== undefined && !(word in en))`);
  assert.deepEqual(missing, []);
});

test('the folder as it is serves as a page of one’s own', LIMIT, async (t) => {
  const server = await Server.start(t, '--assets-dir', fileURLToPath(new URL('../../assets', import.meta.url)));
  const person = await Person.arrive(t);
  const chat = await person.open(`${server.url}/r/garden`, 'Alice');
  await chat.say('hello');
  await chat.says('hello');
  await chat.join('lobby');
  await chat.has('#people-count', '1');
  person.hadNothingToComplainOf();
});

test('on the narrowest phone everything has its room', LIMIT, async (t) => {
  const server = await Server.start(t);
  for (const locale of ['en', 'zh-CN']) {
    const person = await Person.arrive(t, { locale, viewport: { width: 320, height: 568 }, hasTouch: true, isMobile: true });
    const chat = await person.open(server.url, `Alice ${locale}`);
    const { page } = chat;
    const isCut = (selector) => page.locator(selector).evaluate(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth);
    assert.equal(await isCut('h1'), false, 'the room’s name');
    await chat.say('hello');
    await page.locator('#open-search').tap();
    await page.locator('#search').fill('hello');
    await page.locator('#found:not(:empty)').waitFor();
    assert((await boundsOf(page.locator('#search'))).width > 200, 'the field to search in');
    await page.locator('#close-search').tap();
    await page.locator('#open-settings').tap();
    await page.locator('#settings-dialog').waitFor();
    const dialog = await boundsOf(page.locator('#settings-dialog'));
    for (const field of await page.locator('#settings-dialog :is(select, input)').all()) {
      const { x, width } = await boundsOf(field);
      assert(x + width <= dialog.x + dialog.width - 16, `${await field.getAttribute('id')} is in the dialog`);
    }
    await page.locator('#open-help').tap();
    assert.equal(await page.locator('#help-dialog').evaluate(({ scrollTop }) => scrollTop), 0, 'help begins at its beginning');
    await page.keyboard.press('Escape');
    assert.equal(await isCut('html'), false);
    person.hadNothingToComplainOf();
  }
});

test('a theme can be chosen, and is there before the first paint', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t, { colorScheme: 'light' });
  const chat = await person.open(server.url);
  const ground = () => chat.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  // The colour of a phone's browser around it goes with it.
  const frame = () => chat.page.evaluate(() =>
    [...document.querySelectorAll('meta[name=theme-color]')].filter(({ media }) => matchMedia(media).matches).map(({ dataset }) => dataset.of));
  const light = await ground();
  assert.deepEqual(await frame(), ['light']);
  await chat.page.getByRole('button', { name: 'Settings' }).click();
  const colours = chat.page.getByLabel('Theme');
  await colours.selectOption('dark');
  const dark = await ground();
  assert.notEqual(dark, light);
  assert.deepEqual(await frame(), ['dark']);
  await colours.selectOption('auto');
  assert.deepEqual(await frame(), ['light']);
  await colours.selectOption('dark');
  // With no module loaded yet.
  await chat.page.route('**/start.js', (route) => route.abort());
  await chat.page.reload({ waitUntil: 'commit' });
  await chat.page.waitForFunction(() => document.getElementById('log') && document.querySelector('link[rel=stylesheet]').sheet);
  assert.equal(await ground(), dark);
  await chat.page.unroute('**/start.js');
  await chat.page.reload();
  await chat.is('live');
  assert.deepEqual(await frame(), ['dark']);
});

test('on paper there are the messages, and nothing that only a screen needs', LIMIT, async (t) => {
  const server = await Server.start(t);
  for (let line = 0; line < 40; line += 1) await server.say('lobby', 'Carol', `line ${line}`);
  const chat = await (await Person.arrive(t)).open(server.url, 'Alice');
  await chat.log.getByText('line 39', { exact: true }).waitFor();
  await chat.page.emulateMedia({ media: 'print' });
  for (const hidden of ['#rooms', '#people', '#composer', '#open-search', '#pill']) assert(await chat.page.locator(hidden).isHidden(), hidden);
  assert(await chat.page.evaluate(() => document.getElementById('scroller').scrollHeight === document.getElementById('scroller').clientHeight), 'all of the talk');
  // Paper is white, whatever the page's colours are.
  const ink = () => chat.page.evaluate(() => getComputedStyle(document.querySelector('#log .name')).color);
  const light = await ink();
  await chat.page.evaluate(() => { document.documentElement.dataset.theme = 'dark'; });
  assert.equal(await ink(), light);
});
