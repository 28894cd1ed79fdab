// Finding on the chat page: links to messages, the search in all of history, the
// switcher of rooms and people, and what is completed in the message box.

import assert from 'node:assert/strict';
import test from 'node:test';

import { violations } from './axe.mjs';
import { LIMIT, Person } from './browser.mjs';
import { Server } from './server.mjs';

// axe.js is added to the page against its policy.
const bypassCSP = true;
const PHONE = { viewport: { width: 390, height: 800 }, hasTouch: true, isMobile: true };
const WIDE = { viewport: { width: 1280, height: 800 } };

/** Publishes numbered messages at once; resolves with their ids. */
async function count(server, from, to, textOf = (number) => `apple ${number}`) {
  const ids = [];
  for (let number = from; number <= to; number += 1) ids.push((await server.say('lobby', 'Carol', textOf(number))).id);
  return ids;
}

/** Somebody for whom messages stay lit up as long as the test needs to see it. */
async function arrive(t, options) {
  const person = await Person.arrive(t, options);
  await person.changeWait(2_000, 60_000);
  return person;
}

/** Resolves once a message is in sight and lit up, with the focus. */
async function isLit(chat, text) {
  await chat.page.waitForFunction((text) => {
    const row = document.querySelector('#log .lit');
    const { top, bottom } = row?.getBoundingClientRect() ?? { top: -1, bottom: -1 };
    const isFocused = row !== null && row.contains(document.activeElement);
    return isFocused && top > 0 && bottom < innerHeight && row.querySelector('.text')?.textContent === text;
  }, text);
}

/** The texts that are in sight. */
const sight = (chat) => chat.page.evaluate(() => {
  const { top, bottom } = document.getElementById('scroller').getBoundingClientRect();
  return [...document.querySelectorAll('#log .message')].filter((row) => {
    const box = row.getBoundingClientRect();
    return box.bottom > top && box.top < bottom;
  }).map((row) => row.querySelector('.text').textContent);
});

const results = (chat) => chat.page.locator('#results button');

test('a link to a message shows it in its place, in a new page and in an open one', LIMIT, async (t) => {
  const server = await Server.start(t);
  const ids = await count(server, 1, 700);
  const person = await arrive(t);
  const link = (number) => `${server.url}/r/lobby#${ids[number - 1]}`;
  const chat = await person.open(link(100));
  await isLit(chat, 'apple 100');
  await chat.pill.waitFor();
  // What is around it is loaded from there on, in both directions.
  for (const text of ['apple 60', 'apple 140']) await chat.log.getByText(text, { exact: true }).waitFor();
  assert.equal(await chat.log.getByText('apple 700', { exact: true }).count(), 0);
  // Another link in the same page, to a message that is loaded, to one that is not, and to the first of all.
  for (const number of [110, 650, 1]) {
    await chat.page.evaluate((link) => { location.href = link; }, link(number));
    await isLit(chat, `apple ${number}`);
  }
  // The back key goes to the message before.
  await chat.page.goBack();
  await isLit(chat, 'apple 650');
  await chat.pill.click();
  await chat.log.getByText('apple 700', { exact: true }).waitFor();
  await chat.isAtEnd();
  assert.equal(await chat.page.evaluate(() => location.hash), '');
  await server.say('lobby', 'Carol', 'said after');
  await chat.log.getByText('said after').waitFor();
  await chat.isAtEnd();
  person.hadNothingToComplainOf();
});

test('a link in a message is followed in this page, also to another room', LIMIT, async (t) => {
  const server = await Server.start(t);
  const { id } = await server.say('garden', 'Carol', 'a rose');
  await server.say('garden', 'Carol', 'a tulip');
  await server.say('lobby', 'Carol', `look: ${server.url}/r/garden#${id}`);
  const person = await arrive(t, PHONE);
  const chat = await person.open(server.url);
  await chat.log.locator('a').tap();
  await chat.has('h1', 'garden');
  await isLit(chat, 'a rose');
  assert.equal(person.context.pages().length, 1);
  person.hadNothingToComplainOf();
});

test('a message that the server does not have is gone, and a token is no message', LIMIT, async (t) => {
  const server = await Server.start(t, '--history', '60');
  const ids = await count(server, 1, 100);
  const person = await Person.arrive(t);
  const gone = 'This message is gone. The server no longer has it.';
  const chat = await person.open(`${server.url}/r/lobby#${ids[9]}`, 'Alice');
  await chat.has('#notice', gone);
  await chat.log.getByText('apple 100', { exact: true }).waitFor();
  await chat.isAtEnd();
  for (const id of ['earlier0-7', `${ids[0].split('-')[0]}-99999`]) {
    await chat.page.evaluate((id) => {
      document.getElementById('notice').textContent = '';
      location.hash = id;
    }, id);
    await chat.has('#notice', gone);
  }
  await chat.page.evaluate(() => {
    document.getElementById('notice').textContent = '';
    location.hash = 'token=abc-1';
  });
  await chat.page.waitForFunction(() => location.hash === '');
  assert.notEqual(await chat.page.locator('#notice').textContent(), gone);
});

test('a message is lit up for a moment; who asks for less motion sees it without fading', LIMIT, async (t) => {
  const server = await Server.start(t);
  const ids = await count(server, 1, 60);
  const person = await Person.arrive(t, { reducedMotion: 'reduce' });
  const chat = await person.open(`${server.url}/r/lobby`);
  await chat.log.getByText('apple 60', { exact: true }).waitFor();
  // In the page, which sees each of its frames.
  const [ground, usual, animation] = await chat.page.evaluate(async (id) => {
    const frame = () => new Promise(requestAnimationFrame);
    const find = () => document.querySelector('#log .lit');
    location.hash = id;
    while (!find()) await frame();
    const row = find();
    const { backgroundColor, animationName } = getComputedStyle(row);
    while (find()) await frame();
    return [backgroundColor, getComputedStyle(row).backgroundColor, animationName];
  }, ids[4]);
  assert.notEqual(ground, usual);
  assert.equal(animation, 'none');
});

test('a search reads all of history, shows results in their place, and returns', LIMIT, async (t) => {
  const server = await Server.start(t, '--history', '3000');
  await count(server, 1, 2_000, (number) => (number % 200 === 5 ? `The DEPLOY of Ｂｕｉｌｄ ${number}, 部署完成` : `apple ${number}`));
  const person = await arrive(t, { ...WIDE, bypassCSP });
  const chat = await person.open(server.url, 'Alice');
  // The whole page, and not only its preview.
  await chat.log.getByText('apple 1951', { exact: true }).waitFor();
  await chat.page.evaluate(() => { document.getElementById('scroller').scrollTop -= 900; });
  await chat.pill.waitFor();
  // At the top, the page before it is loaded: its messages take the place of a line that says so.
  await chat.log.getByText('apple 1950', { exact: true }).waitFor();
  const before = await sight(chat);
  await chat.page.locator('#open-search').click();
  await chat.page.locator('#search:focus').waitFor();
  await chat.page.keyboard.type('build deploy');
  await chat.has('#found', '10 found · all 2,000 messages searched');
  await chat.has('#results mark', ...Array.from({ length: 20 }, (_, at) => (at % 2 ? 'Ｂｕｉｌｄ' : 'DEPLOY')));
  const first = await results(chat).first().textContent();
  assert.match(first, /^Carol .*The DEPLOY of Ｂｕｉｌｄ 1805, 部署完成$/, 'the newest is the first');
  // Its pages are kept for the next query.
  let pages = 0;
  chat.page.on('request', (request) => { pages += Number(request.url().includes('limit=500')); });
  await chat.page.locator('#search').fill('署完');
  await chat.has('#found', '10 found · all 2,000 messages searched');
  await chat.has('#results mark', ...Array(10).fill('署完'));
  assert.equal(pages, 0);
  await chat.page.locator('#search').fill('deploy 署完 1005');
  await chat.has('#found', '1 found · all 2,000 messages searched');
  await chat.page.locator('#search').fill('deploy nothing');
  await chat.has('#found', 'Nothing found · all 2,000 messages searched');
  await chat.page.locator('#search').fill('deploy');
  await results(chat).nth(9).click();
  await isLit(chat, 'The DEPLOY of Ｂｕｉｌｄ 5, 部署完成');
  await chat.has('#results [aria-current=true] mark', 'DEPLOY');
  // By keyboard.
  await chat.page.locator('#search').focus();
  for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowUp', 'Enter']) await chat.page.keyboard.press(key);
  await isLit(chat, 'The DEPLOY of Ｂｕｉｌｄ 1605, 部署完成');
  assert.deepEqual(await violations(chat.page), []);
  await chat.page.keyboard.press('Escape');
  await chat.page.locator('#search-bar').waitFor({ state: 'hidden' });
  await chat.page.waitForFunction((first) => document.getElementById('log').textContent.includes(first), before[0]);
  await chat.page.waitForFunction((before) => {
    const { top, bottom } = document.getElementById('scroller').getBoundingClientRect();
    const seen = [...document.querySelectorAll('#log .message')].filter((row) => {
      const box = row.getBoundingClientRect();
      return box.bottom > top && box.top < bottom;
    }).map((row) => row.querySelector('.text').textContent);
    return JSON.stringify(seen) === before;
  }, JSON.stringify(before));
  person.hadNothingToComplainOf();
});

test('a search can be stopped and goes on, waits as the server asks, and tries again', LIMIT, async (t) => {
  const server = await Server.start(t, '--history', '3000');
  await count(server, 1, 1_200);
  const person = await Person.arrive(t, { ...WIDE, bypassCSP });
  const chat = await person.open(server.url, 'Alice');
  // The page has a whole page of them, and not only its preview.
  await chat.log.getByText('apple 1151', { exact: true }).waitFor();
  const { page } = chat;
  /** How pages are answered. @type {(route: any) => unknown} */
  let answer = (route) => route.continue();
  await page.route(/limit=500/, (route) => answer(route));
  const waiting = new Promise((held) => {
    answer = (route) => held(route);
  });
  const known = await chat.log.locator('.text').count();
  await page.locator('#open-search').click();
  await page.locator('#search').fill('apple 1');
  const held = await waiting;
  await page.locator('#found').getByText('messages searched, back to').waitFor();
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByRole('button', { name: 'Search further back' }).waitFor();
  await held.continue();
  const stopped = await page.locator('#found').textContent();
  // What was not asked for any more is not added.
  answer = (route) => route.fulfill({ status: 429, headers: { 'retry-after': '1' }, json: { code: 'rate_limited', detail: '' } });
  await page.getByRole('button', { name: 'Search further back' }).click();
  await page.locator('#found').getByText('the server asks to wait 1 second').waitFor();
  assert(stopped.includes(` found · ${known} messages searched, back to `), stopped);
  answer = (route) => route.abort();
  await page.locator('#found').getByText('the server can’t be reached').waitFor();
  answer = (route) => route.continue();
  await page.getByRole('button', { name: 'Try again' }).click();
  // As many as are shown at once; the reader asks for more.
  await page.getByRole('button', { name: 'Search further back' }).waitFor();
  assert(await results(chat).count() < 311, 'fewer than there are from 1 to 1,199');
  const further = page.getByRole('button', { name: 'Search further back' });
  const whole = page.locator('#found').getByText('all 1,200 messages searched');
  // A search that goes on shows neither.
  await further.or(whole).waitFor();
  for (let more = 0; more < 9 && !(await whole.isVisible()); more += 1) {
    const before = await page.locator('#found').textContent();
    await further.click();
    await page.waitForFunction((before) => document.getElementById('found').textContent !== before, before);
    await further.or(whole).waitFor();
  }
  assert(await whole.isVisible());
  person.hadNothingToComplainOf({ netFailures: true });
});

test('messages that come, change or are deleted during a search are in its results, and new below', LIMIT, async (t) => {
  const server = await Server.start(t);
  await count(server, 1, 40);
  const person = await arrive(t, { ...PHONE, bypassCSP });
  const chat = await person.open(server.url, 'Alice');
  const { page } = chat;
  await chat.log.getByText('apple 40', { exact: true }).waitFor();
  await page.locator('#open-search').tap();
  await page.locator('#search').fill('pear');
  await chat.has('#found', 'Nothing found · all 40 messages searched');
  await server.say('lobby', 'Carol', 'a Pear');
  await chat.has('#results mark', 'Pear');
  await chat.has('#found', '1 found · all 41 messages searched');
  // The panel covers the messages: they are not seen.
  await page.waitForFunction(() => document.title === '(1) lobby · sse-chat');
  assert.equal(await page.locator('main').evaluate((main) => main.querySelector('.log-area').inert), true);
  assert.deepEqual(await violations(page), []);
  await results(chat).tap();
  await isLit(chat, 'a Pear');
  assert.equal(await page.locator('#results').isVisible(), false);
  await page.locator('#to-results').tap();
  await results(chat).waitFor();
  await page.locator('#close-search').tap();
  await page.locator('#search-bar').waitFor({ state: 'hidden' });
  await page.waitForFunction(() => document.title === 'lobby · sse-chat');
  // A message that is sent ends it.
  await chat.message.fill('/search apple 7');
  await page.locator('#send').tap();
  await chat.has('#results mark', 'apple', '7', 'apple', '7', 'apple', '7', 'apple', '7');
  await results(chat).first().tap();
  await isLit(chat, 'apple 37');
  await chat.message.fill('mine');
  await page.locator('#send').tap();
  await page.locator('#search-bar').waitFor({ state: 'hidden' });
  await chat.log.getByText('mine').waitFor();
  await chat.isAtEnd();
  person.hadNothingToComplainOf();
});

test('the switcher goes to rooms, joins new ones and mentions people, by keyboard, mouse and touch', LIMIT, async (t) => {
  const server = await Server.start(t);
  const [other, person] = [await Person.arrive(t), await Person.arrive(t, { bypassCSP })];
  await other.open(server.url, 'Bob');
  const chat = await person.open(server.url, 'Alice');
  const { page } = chat;
  for (const room of ['garden', 'kitchen', '花园']) await chat.join(room);
  await server.say('kitchen', 'Carol', 'hello');
  await server.say('garden', 'Carol', 'hello @Alice');
  await chat.has('#room-list .badge.mentions > [aria-hidden]', '@1');
  const options = page.locator('#switcher-list [role=option]');
  await chat.message.focus();
  await page.keyboard.press('Control+k');
  await page.locator('#switcher input:focus').waitFor();
  await chat.has('#switcher-list bdi', 'garden', 'kitchen', 'lobby', '花园');
  assert.deepEqual(await violations(page), []);
  await page.keyboard.press('ArrowDown');
  await chat.has('#switcher-list [aria-selected=true] bdi', 'kitchen');
  await page.keyboard.press('Enter');
  await chat.has('h1', 'kitchen');
  await page.locator('#message:focus').waitFor();
  await page.keyboard.press('Meta+k');
  await page.locator('#switcher input:focus').waitFor();
  await page.keyboard.type('ＬＯＢ');
  await chat.has('#switcher-list bdi', 'lobby');
  await options.first().click();
  await chat.has('h1', 'lobby');
  await page.keyboard.press('Control+k');
  await page.locator('#switcher input:focus').waitFor();
  await page.keyboard.type('bo');
  await chat.has('#switcher-list .name', 'Bob');
  await page.keyboard.press('Enter');
  assert.equal(await chat.message.inputValue(), '@Bob ');
  await chat.message.fill('');
  await page.keyboard.press('Control+k');
  await page.locator('#switcher input:focus').waitFor();
  await page.keyboard.type('#attic');
  await options.getByText('Join #').click();
  await chat.has('h1', 'attic');
  await page.keyboard.press('Control+k');
  await page.locator('#switcher input:focus').waitFor();
  await page.keyboard.type('no room');
  await page.getByText('Nothing matches.').waitFor();
  await page.keyboard.press('Escape');
  await page.locator('#switcher').waitFor({ state: 'detached' });
  await page.locator('#message:focus').waitFor();
  await page.locator('#open-switcher').click();
  await options.first().waitFor();
  await page.keyboard.press('Control+k');
  await page.locator('#switcher').waitFor({ state: 'detached' });
  // Not while an input method composes.
  const isLeft = await chat.message.evaluate((box) => box.dispatchEvent(
    new KeyboardEvent('keydown', { key: 'k', ctrlKey: true, isComposing: true, bubbles: true, cancelable: true })));
  assert.equal(isLeft, true);
  person.hadNothingToComplainOf();
});

test('on a phone the switcher opens from the list of rooms', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t, PHONE);
  const chat = await person.open(server.url, 'Alice');
  await chat.join('garden');
  await chat.page.locator('#open-rooms').tap();
  await chat.page.locator('#open-switcher').tap();
  await chat.page.locator('#switcher-list').getByText('lobby').tap();
  await chat.has('h1', 'lobby');
  person.hadNothingToComplainOf();
});

test('Alt and an arrow go to the next room, with Shift to the next unread one', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  for (const room of ['b', 'c', 'd']) await chat.join(room);
  const press = async (keys, room) => {
    await chat.page.keyboard.press(keys);
    await chat.has('h1', room);
    await chat.page.locator('#message:focus').waitFor();
  };
  await press('Alt+ArrowUp', 'c');
  await press('Alt+ArrowDown', 'd');
  await press('Alt+ArrowDown', 'lobby');
  await press('Alt+ArrowUp', 'd');
  await press('Alt+Shift+ArrowUp', 'd');
  await server.say('b', 'Carol', 'hello');
  await chat.has('#room-list .badge > [aria-hidden]', '1');
  await press('Alt+Shift+ArrowUp', 'b');
  await chat.message.fill('text');
  await press('Alt+ArrowDown', 'c');
  person.hadNothingToComplainOf();
});

test('/ lists the commands, and Tab, Enter, a click or a tap takes one', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t, { bypassCSP });
  const chat = await person.open(server.url, 'Alice');
  const { page } = chat;
  const list = page.locator('#completion');
  const type = async (text) => {
    await chat.message.fill('');
    await page.keyboard.type(text);
  };
  await chat.message.focus();
  await type('/');
  await list.getByText('/search').waitFor();
  await list.getByText('invite people to this room').waitFor();
  assert.equal(await list.locator('[aria-selected=true]').count(), 0, 'a slash alone can be sent');
  assert.deepEqual(await violations(page), []);
  await page.keyboard.press('Tab');
  assert.equal(await chat.message.inputValue(), '/me ');
  await type('/jo');
  await chat.has('#completion [aria-selected=true] code', '/join …');
  await page.keyboard.press('Enter');
  assert.equal(await chat.message.inputValue(), '/join ');
  await page.keyboard.type('garden');
  await page.keyboard.press('Enter');
  await chat.has('h1', 'garden');
  // One that was typed to its end is run.
  await type('/help');
  await list.getByText('/help').waitFor();
  await page.keyboard.press('Enter');
  await page.locator('#help-dialog').getByText('jumps to a room or person').waitFor();
  await page.keyboard.press('Escape');
  await type('/in');
  await list.getByText('/invite').click();
  assert.equal(await chat.message.inputValue(), '/invite');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: /^Invite people to .*garden/ }).waitFor();
  await page.keyboard.press('Escape');
  await type('/');
  await list.getByText('/me').waitFor();
  await page.keyboard.press('Escape');
  await list.waitFor({ state: 'hidden' });
  for (const text of ['say /', '/usr/', '/5', '// TODO', '/me waves']) {
    await type(text);
    await list.waitFor({ state: 'hidden' });
  }
  person.hadNothingToComplainOf();

  const phone = await Person.arrive(t, PHONE);
  const small = await phone.open(server.url, 'Bob');
  await small.message.tap();
  await small.page.keyboard.type('/');
  await small.page.locator('#completion').getByText('/help').tap();
  await small.page.locator('#send').tap();
  await small.page.locator('#help-dialog').getByText('Enter starts a new line; the arrow button sends').waitFor();
  phone.hadNothingToComplainOf();
});

test(': and two letters offer emoji, by English and Chinese names', LIMIT, async (t) => {
  const server = await Server.start(t);
  for (const locale of ['en', 'zh-CN']) {
    const person = await Person.arrive(t, { locale, bypassCSP });
    const chat = await person.open(server.url, `Alice ${locale}`);
    const { page } = chat;
    const list = page.locator('#completion');
    for (const [text, emoji] of [[':thumbs_d', '👎'], ['well :PART', '🎉'], ['(:bravo', '👏'], [':+1', '👍'], [':鼓掌', '👏'], [':赞', '👍']]) {
      await chat.message.fill(text);
      await chat.has('#completion [aria-selected=true] .emoji', emoji);
    }
    await chat.message.fill('well :part');
    await list.waitFor();
    assert.deepEqual(await violations(page), []);
    await page.keyboard.press('Enter');
    assert.equal(await chat.message.inputValue(), 'well 🎉 ');
    await page.keyboard.type(':heart');
    await list.locator('li').first().click();
    assert.equal(await chat.message.inputValue(), 'well 🎉 ❤️ ');
    for (const text of [
      '12:30', 'at 10:00', ':)', ':-)', ':D', ': party', ':p', 'word:party', 'https://party', 'http://a.example:party', 'a::party', '说:鼓掌',
      '`:party', '```\n:party', '`code` and `:party', 'a/:party',
    ]) {
      await chat.message.fill(text);
      await list.waitFor({ state: 'hidden' });
    }
    for (const text of ['`code` :party', '```\ncode\n```\n:party']) {
      await chat.message.fill(text);
      await list.waitFor();
    }
    // What an input method composes is not there yet.
    await chat.message.fill('');
    await chat.message.evaluate((box) => {
      box.value = ':heart';
      box.dispatchEvent(new InputEvent('input', { isComposing: true }));
    });
    await list.waitFor({ state: 'hidden' });
    person.hadNothingToComplainOf();
  }
});
