// The chat page's people: names, renamings, who types, long lists of members, the
// first visit, empty rooms, invitations, and what a browser shows for a bad address.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import test from 'node:test';
import { promisify } from 'node:util';

import jsqr from 'jsqr';

import { qrOf } from '../../assets/later/qr.js';
import { violations } from './axe.mjs';
import { ELSEWHERE, LIMIT, QUICK, Chat, Person, boundsOf, elsewhere } from './browser.mjs';
import { Server, within } from './server.mjs';
import { TokenKey } from './tokens.mjs';

/** Members without a page: a stream each, until the test ends. */
async function attend(t, server, room, ...names) {
  const join = async (name) => {
    const url = new URL(`${server.url}/rooms/${room}/events`);
    url.searchParams.set('name', name);
    const request = http.get(url, { agent: false });
    t.after(() => request.destroy());
    const [response] = await once(request, 'response');
    response.on('error', () => {});
    await once(response, 'data');
  };
  for (let at = 0; at < names.length; at += 50) await within(Promise.all(names.slice(at, at + 50).map(join)), 'members');
}

/** Texts of the page's parts, without the isolates around names. */
const textOf = async (locator) => (await locator.allTextContents()).map((text) => text.replace(/[\u2068\u2069]/g, ''));

/** A page that may not be connected. */
async function visit(person, url) {
  const chat = new Chat(await person.context.newPage());
  await chat.page.goto(url);
  return chat;
}

test('a name that somebody here has is said, and a free one is a key away; one may insist', LIMIT, async (t) => {
  const server = await Server.start(t);
  await attend(t, server, 'lobby', 'Alice', 'alice 2', 'José', 'X'.repeat(32));
  for (const [typed, wanted] of [['ALICE', 'ALICE 3'], ['Jose\u0301', 'José 2'], ['X'.repeat(32), `${'X'.repeat(30)} 2`], ['Alice 2', 'Alice 3']]) {
    const person = await Person.arrive(t);
    const chat = await person.open(server.url);
    await chat.has('#people-count', '4');
    await chat.page.locator('#name').fill(typed);
    await chat.page.locator('#name').press('Enter');
    await chat.page.locator('#name-hint').filter({ hasText: 'is already taken here.' }).waitFor();
    assert.deepEqual(await textOf(chat.page.locator('.offers button')), [`Use “${wanted}”`, `Keep “${typed.normalize('NFC')}”`]);
    if (typed === 'ALICE') assert.deepEqual(await violations(chat.page), [], 'an offer');
    await chat.page.keyboard.press('Enter');
    await chat.has('#me .name', wanted);
    await chat.message.waitFor();
    person.hadNothingToComplainOf();
    await person.context.close();
    await server.kill();
    await server.startAgain();
    await attend(t, server, 'lobby', 'Alice', 'alice 2', 'José', 'X'.repeat(32));
  }
});

test('by touch, one keeps the name; another text takes the offer back; other tabs of oneself do not count', LIMIT, async (t) => {
  const server = await Server.start(t);
  await attend(t, server, 'lobby', 'Alice', 'Bob');
  const person = await Person.arrive(t, { hasTouch: true, isMobile: true, viewport: { width: 360, height: 740 } });
  const chat = await person.open(server.url);
  await chat.has('#people-count', '2');
  await chat.page.locator('#name').fill('alice');
  await chat.page.getByRole('button', { name: 'Join', exact: true }).tap();
  await chat.page.locator('.offers').waitFor();
  await chat.page.locator('#name').fill('alicia');
  await chat.page.locator('#name-hint').waitFor({ state: 'hidden' });
  await chat.page.locator('#name').fill('alice');
  await chat.page.getByRole('button', { name: 'Join', exact: true }).tap();
  await chat.page.getByRole('button', { name: 'Keep “\u2068alice\u2069”' }).tap();
  await chat.has('#people-list .name', 'alice', 'Alice', 'Bob');
  // Another tab has the same name, and in it one's own name is free in any letters.
  const tab = await person.open(server.url);
  await tab.has('#people-list .name', 'alice', 'Alice', 'Bob');
  await tab.message.fill('/name ALICIA');
  await tab.page.getByRole('button', { name: 'Send' }).tap();
  await tab.has('#me .name', 'ALICIA');
  await tab.message.fill('/name alicia');
  await tab.page.getByRole('button', { name: 'Send' }).tap();
  await chat.has('#me .name', 'alicia');
  assert.equal(await tab.page.locator('dialog[open]').count(), 0);
  // By the command as well.
  await tab.message.fill('/name bob');
  await tab.page.getByRole('button', { name: 'Send' }).tap();
  await tab.page.getByRole('dialog', { name: 'Change name' }).getByRole('button', { name: 'Use “\u2068bob 2\u2069”' }).tap();
  await chat.has('#me .name', 'bob 2');
  assert.equal(await tab.page.locator('dialog[open]').count(), 0);
  assert.equal(await tab.message.inputValue(), '');
  person.hadNothingToComplainOf();
});

test('the stream says once what the name was', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK);
  const person = await Person.arrive(t);
  const chat = await person.open(`${server.url}?shared=0`, 'Alice');
  await chat.is('live');
  const asked = [];
  chat.page.on('request', (request) => {
    const { pathname, searchParams } = new URL(request.url());
    if (pathname === '/events') asked.push([searchParams.get('name'), searchParams.get('was')].join());
  });
  const renamed = chat.page.waitForRequest(/\/events\?/);
  await chat.callMe('Alicia');
  await renamed;
  await chat.is('live');
  await chat.has('#people-list .name', 'Alicia');
  const joined = chat.page.waitForRequest(/room=garden/);
  await chat.join('garden');
  await joined;
  assert.deepEqual(asked, ['Alicia,Alice', 'Alicia,']);
  // In vain: the second name comes before the server has answered.
  await chat.is('live');
  await server.kill();
  await chat.is('waiting');
  await chat.callMe('Ann');
  await chat.callMe('Anna');
  await server.startAgain();
  await chat.is('live');
  assert.equal(asked.at(-1), 'Anna,Alicia');
});

test('who renames is one line in each room, and neither comes nor goes', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  // The page waits some seconds before it says that somebody left.
  await person.changeWait(8_000, 1);
  const chat = await person.open(server.url);
  const reported = await chat.with('state/people.js', `async ({ People }) => {
    const reported = [];
    const people = new People({
      changed: () => {}, ask: async () => null, typing: (room, names) => reported.push(['typing', room, names.join()].join(' ')),
      presenceChanged: (...what) => reported.push(what.join(' ')), renamed: (...what) => reported.push(['renamed', ...what].join(' ')),
    });
    const member = (name, now) => ({ name, since: '', ...now ? { now } : {} });
    const change = (room, count, joined, left) => people.apply({ room, count, joined: joined.map((name) => member(name)), left: left.map((who) => member(...who)) });
    for (const room of ['a', 'b']) people.apply({ room, count: 2, members: [member('Alice'), member('Me')] });
    for (const room of ['a', 'b']) change(room, 2, ['Alicia'], [['Alice', 'Alicia']]);
    reported.push(people.namesIn('a').join());
    // The new name came in an earlier event, or is that of another member.
    change('a', 3, ['Ann'], []);
    change('a', 2, [], [['Alicia', 'Ann']]);
    // One's own, in whatever order, and only the last of several.
    people.renamed('Me', 'My');
    people.renamed('My', 'Mine');
    for (const room of ['a', 'b']) change(room, 2, ['Mine'], [['Me', 'Mine']]);
    // Who only types changes nothing else.
    people.apply({ room: 'a', count: 2, joined: [], left: [], typing: ['Ann'] });
    // An event without it says that nobody types; that is news only once.
    for (let turn = 0; turn < 2; turn += 1) change('a', 2, [], []);
    reported.push(people.namesIn('a').join(), String(people.isTaken('ANN', ['a'], 'Mine')), String(people.isTaken('Ann', ['b'], 'Mine')), String(people.isTaken('Mine', ['a'], 'Mine')));
    await new Promise((resolve) => setTimeout(resolve, 8_000));
    return reported;
  }`);
  assert.deepEqual(reported, [
    'renamed a Alice Alicia', 'renamed b Alice Alicia', 'Me,Alicia', 'a joined Ann', 'renamed a Alicia Ann',
    'typing a Ann', 'typing a ', 'Ann,Mine', 'true', 'false', 'false',
  ]);
  const lines = await chat.with('state/room_log.js', `({ RoomLog }) => {
    const log = new RoomLog();
    log.reset({ room: 'a', messages: [], size: 0, from: '', to: '', oldest: null, newest: null }, 50);
    const line = () => JSON.stringify(log.items.map(({ joined, left, renamed }) => [joined, left, renamed.map(({ before, name }) => before + '>' + name)]));
    const lines = [];
    const rename = (before, name) => { log.addRenaming({ before, name }); lines.push(line()); };
    rename('Alice', 'Alicia');
    rename('Bob', 'Bert');
    rename('Alicia', 'Ann');
    rename('Bert', 'Bob');
    log.addPresence('joined', 'Carol');
    rename('Carol', 'Caro');
    rename('Ann', 'Alice');
    return lines;
  }`);
  assert.deepEqual(lines, [
    '[[[],[],["Alice>Alicia"]]]', '[[[],[],["Alice>Alicia","Bob>Bert"]]]', '[[[],[],["Alice>Ann","Bob>Bert"]]]',
    '[[[],[],["Alice>Ann"]]]', '[[["Caro"],[],["Alice>Ann"]]]', '[[["Caro"],[],[]]]',
  ]);
});

test('who types is a quiet line, and others are told at most every 3 s, and never of a command', LIMIT, async (t) => {
  const server = await Server.start(t);
  await attend(t, server, 'lobby', 'Bob');
  const person = await Person.arrive(t);
  const told = [];
  let status = 204;
  await person.context.route(/\/rooms\/[^/]+\/typing/, (route) => {
    told.push(`${route.request().method()} ${new URL(route.request().url()).pathname}`);
    return route.fulfill({ status });
  });
  const chat = await person.open(server.url, 'Alice', { clock: true });
  await chat.has('#people-count', '2');
  await chat.stopTime();
  const next = () => chat.page.waitForResponse(/\/typing\?name=Alice$/);
  let request = next();
  await chat.message.fill('h');
  await request;
  await chat.message.fill('hello');
  request = next();
  await chat.message.fill('');
  await request;
  assert.deepEqual(told, ['POST /rooms/lobby/typing', 'DELETE /rooms/lobby/typing']);
  await chat.message.fill('/name B');
  await chat.message.fill('too early');
  await chat.page.clock.runFor(3_000);
  request = next();
  await chat.message.fill('not now');
  await request;
  assert.deepEqual(told.slice(2), ['POST /rooms/lobby/typing']);
  // An older server.
  status = 404;
  await chat.page.clock.runFor(3_000);
  request = next();
  await chat.message.fill('x');
  await request;
  await chat.page.clock.runFor(3_000);
  await chat.message.fill('xy');
  await chat.page.clock.resume();
  await chat.say('sent');
  await chat.says('sent');
  assert.equal(told.length, 4);
  person.hadNothingToComplainOf();

  const said = await chat.with('later/typing.js', `({ Typing }) => {
    document.getElementById('typing')?.remove();
    const height = document.getElementById('scroller').clientHeight;
    const typing = new Typing({ open: 'lobby' }, { in: () => undefined }, { isLive: true });
    const said = [];
    for (const names of [['Bob'], ['Bob', 'Alice'], ['Bob', 'Carol'], ['Bob', 'Carol', 'Dave'], []]) {
      typing.apply('lobby', names);
      said.push(document.getElementById('typing').textContent.replace(/[\\u2068\\u2069]/g, ''));
    }
    typing.apply('garden', ['Bob']);
    typing.apply('lobby', ['Bob', 'Carol']);
    typing.said({ room: 'lobby', name: 'Bob' });
    said.push(document.getElementById('typing').textContent.replace(/[\\u2068\\u2069]/g, ''));
    typing.forget();
    said.push(document.getElementById('typing').textContent, String(document.getElementById('scroller').clientHeight - height));
    said.push(String(document.getElementById('typing').closest('[aria-live], [role=log], [role=status]')));
    return said;
  }`);
  assert.deepEqual(said, ['Bob is typing…', 'Bob is typing…', 'Bob and Carol are typing…', 'Several people are typing…', '', 'Carol is typing…', '', '0', 'null']);
});

test('others see one line for a change of name, in each room, and who types, until the message is there', LIMIT, async (t) => {
  const server = await Server.start(t);
  const [alice, bob] = [await Person.arrive(t), await Person.arrive(t)];
  const here = await alice.open(server.url, 'Alice');
  const there = await bob.open(server.url, 'Bob');
  for (const room of ['garden', 'lobby']) {
    await here.join(room);
    await there.join(room);
    await here.has('#people-list .name', 'Alice', 'Bob');
    await there.has('#people-list .name', 'Bob', 'Alice');
  }
  // Their joining has its own line.
  await here.say('hello');
  await there.says('hello');
  await here.callMe('Alicia');
  await there.has('#people-list .name', 'Bob', 'Alicia');
  const line = there.log.locator('.people-line').last();
  await line.filter({ hasText: '\u2068Alice\u2069 is now \u2068Alicia\u2069' }).waitFor();
  assert.equal(await line.textContent(), '\u2068Alice\u2069 is now \u2068Alicia\u2069');
  await there.join('garden');
  await there.log.locator('.people-line').last().filter({ hasText: '\u2068Alice\u2069 is now \u2068Alicia\u2069' }).waitFor();
  await there.join('lobby');

  // The page tells others at most every 3 s.
  const typeUntilSeen = async () => {
    while (await there.page.locator('#typing:not(:empty)').count() === 0) await here.message.pressSequentially('.', { delay: 100 });
    await there.has('#typing', '\u2068Alicia\u2069 is typing…');
  };
  await typeUntilSeen();
  await here.has('#typing', '');
  await here.message.fill('');
  await there.has('#typing', '');
  await typeUntilSeen();
  await here.message.press('Enter');
  await there.has('#typing', '');
  for (const person of [alice, bob]) person.hadNothingToComplainOf();
});

test('of 500 members, those are listed who wrote lately and who match the filter', LIMIT, async (t) => {
  const server = await Server.start(t, '--max-connections-per-address', '1000', '--max-streams-per-address', '1000');
  await attend(t, server, 'lobby', ...Array.from({ length: 500 }, (_, number) => `Member ${number}`));
  for (const name of ['Member 7', 'Member 499', 'Carol', 'Member 7']) await server.say('lobby', name, 'hello');
  const person = await Person.arrive(t, { viewport: { width: 1_280, height: 800 } });
  const chat = await person.open(server.url, 'Alice');
  await chat.has('#people-title', '501 people here');
  await chat.has('#people-list .name', 'Alice', 'Member 7', 'Carol', 'Member 499');
  await chat.has('#people-note', '497 people are not listed. Active recently:');
  const filter = chat.page.getByRole('searchbox', { name: 'Find a person' });
  await filter.fill('MEMBER 49');
  await chat.page.locator('#people-list .name').filter({ hasText: 'Member 499' }).waitFor();
  await chat.page.locator('#people-note').filter({ hasText: /^(29|30)\d people are not listed\.$/ }).waitFor();
  for (const name of await chat.page.locator('#people-list .name').allTextContents()) assert.match(name, /^Member 49/);
  assert.deepEqual(await violations(chat.page), [], 'a long list');
  await filter.fill('nobody like this');
  await chat.page.locator('#people-note').filter({ hasText: 'No matching names.' }).waitFor();
  await filter.fill('member 499');
  await chat.page.locator('#people-list button').click();
  assert.equal(await chat.message.inputValue(), '@Member 499 ');
  // Another room has a short list and no filter.
  await chat.join('garden');
  await filter.waitFor({ state: 'hidden' });
  person.hadNothingToComplainOf();
});

test('a long list under 200 can be filtered, too', LIMIT, async (t) => {
  const server = await Server.start(t);
  const names = Array.from({ length: 30 }, (_, number) => `人 ${number}`);
  await attend(t, server, 'lobby', ...names);
  const person = await Person.arrive(t, { viewport: { width: 1_280, height: 800 }, locale: 'zh-CN' });
  const chat = await person.open(server.url, '小明');
  await chat.page.locator('#people-list .name').nth(30).waitFor();
  await chat.page.getByRole('searchbox', { name: '查找成员' }).fill('人 1');
  await chat.has('#people-list .name', '人 1', ...Array.from({ length: 10 }, (_, number) => `人 ${number + 10}`));
  person.hadNothingToComplainOf();
});

test('300 stored rooms do not overload the page', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  await person.context.addInitScript(() => {
    // Not in the empty page before it.
    if (location.protocol !== 'http:' || localStorage.getItem('sse-chat.rooms')) return;
    const rooms = Array.from({ length: 300 }, (_, number) => ({ name: `room-${number}`, since: 1, read: null, mentions: 0, counted: '' }));
    localStorage.setItem('sse-chat.rooms', JSON.stringify(rooms));
  });
  const chat = await person.open(`${server.url}/r/room-7`, 'Alice');
  await chat.has('h1', 'room-7');
  assert.equal(await chat.rooms.count(), 50);
  await server.say('room-9', 'Carol', 'hello @Alice');
  await chat.rooms.filter({ hasText: 'room-9' }).locator('.badge').first().waitFor();
  person.hadNothingToComplainOf();
});

for (const [locale, texts] of Object.entries({
  'en-US': ['sse-chat', 'Chat in the browser. No account, nothing to install.', 'Anyone with the link can read and write here.', 'Join'],
  'zh-CN': ['sse-chat', '在浏览器里聊天，无需注册，无需安装。', '有链接的人都可以在这里查看和发言。', '加入'],
})) {
  test(`a first visit says what this is and who can read it, ${locale}`, LIMIT, async (t) => {
    const server = await Server.start(t);
    await server.say('lobby', 'Carol', 'hello');
    for (const [width, height] of [[320, 568], [1_280, 800]]) {
      const person = await Person.arrive(t, { locale, viewport: { width, height } });
      const chat = await person.open(server.url);
      await chat.says('hello');
      await chat.has('#join h2, #join p:not([hidden]), #join button', ...texts);
      // The message is in sight above the card.
      const [message, card] = [await boundsOf(chat.log.locator('.text')), await boundsOf(chat.page.locator('#join'))];
      assert(message.y > 0 && message.y + message.height <= card.y && card.y + card.height <= height);
      assert.deepEqual(await violations(chat.page), [], 'the card');
      person.hadNothingToComplainOf();
    }
  });
}

test('with tokens, the card says what holds without one, and the name is the token’s', LIMIT, async (t) => {
  const key = await TokenKey.make(t);
  for (const [rights, text] of [
    ['none', 'To read and write here, you need a link with a token.'],
    ['read', 'Anyone with the link can read here. To write, you need a link with a token.'],
    ['write', 'Anyone with the link can read and write here.'],
  ]) {
    const server = await Server.start(t, '--token-key', key.file, '--anonymous', rights);
    const chat = await visit(await Person.arrive(t), server.url);
    await chat.has('#access', text);
    await server.kill();
  }
  const server = await Server.start(t, '--token-key', key.file);
  const chat = await visit(await Person.arrive(t), `${server.url}#token=${key.token({ name: 'Ada' })}`);
  await chat.page.getByRole('button', { name: 'Start session' }).click();
  await chat.has('#me .name', 'Ada');
  await chat.page.locator('#me').click();
  await chat.page.locator('#fixed-name').filter({ hasText: 'In this session, your name is Ada.' }).waitFor();
  assert.equal(await chat.page.locator('#new-name').isEditable(), false);
  assert.equal(await chat.page.locator('#save-name').isVisible(), false);
  assert.deepEqual(await violations(chat.page), [], 'a name that is fixed');
});

test('an empty room says whether one is alone, and when its history is gone', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(`${server.url}/r/garden`, 'Alice');
  await chat.has('#empty > *', 'No messages yet.', 'Only you so far.', 'Invite people');
  assert.deepEqual(await violations(chat.page), [], 'an empty room');
  await chat.page.locator('#empty button').click();
  await chat.page.locator('#invite-dialog').waitFor();
  await chat.page.keyboard.press('Escape');
  await attend(t, server, 'garden', 'Bob');
  await chat.has('#empty > *', 'No messages yet.', 'Say hello!');
  await chat.say('hello');
  await chat.says('hello');
  assert(await chat.page.locator('#empty').isHidden());
  await chat.page.goto('about:blank');
  // The server keeps nothing over a restart.
  await server.kill();
  await server.startAgain();
  await chat.page.goto(`${server.url}/r/garden`);
  await chat.has('#empty > *', 'The messages in \u2068garden\u2069 are no longer available.', 'Only you so far.', 'Invite people');
  person.hadNothingToComplainOf({ netFailures: true });
});

/** What a camera would read in the picture of a page's part. */
async function scanned(locator) {
  const png = await locator.screenshot();
  const { data, width, height } = await locator.page().evaluate(async (base64) => {
    const image = new Image();
    image.src = `data:image/png;base64,${base64}`;
    await image.decode();
    const canvas = Object.assign(document.createElement('canvas'), { width: image.width, height: image.height });
    const context = canvas.getContext('2d');
    context.drawImage(image, 0, 0);
    return { data: [...context.getImageData(0, 0, image.width, image.height).data], width: image.width, height: image.height };
  }, png.toString('base64'));
  return jsqr(Uint8ClampedArray.from(data), width, height, { inversionAttempts: 'dontInvert' })?.data;
}

test('an invitation has the link to copy, to share and to scan, in both themes', LIMIT, async (t) => {
  const server = await Server.start(t, ...ELSEWHERE);
  for (const [colorScheme, name] of [['light', 'Alice'], ['dark', 'Bob']]) {
    const person = await Person.arrive(t, { colorScheme, viewport: { width: 390, height: 844 } });
    await person.context.addInitScript(() => {
      navigator.share = (data) => {
        window.shared = data;
        return Promise.reject(new DOMException('cancelled', 'AbortError'));
      };
    });
    const chat = await person.open(`${elsewhere(server.url)}/r/花园`, name);
    await chat.page.locator('#copy-link').click();
    const dialog = chat.page.getByRole('dialog', { name: 'Invite people to #\u2068花园\u2069' });
    await dialog.getByText('Anyone with the link can read and write here.').waitFor();
    const link = `${elsewhere(server.url)}/r/${encodeURIComponent('花园')}`;
    assert.equal(await dialog.getByRole('textbox', { name: 'Link' }).inputValue(), link);
    assert.equal(await dialog.getByText('only on this computer').count(), 0);
    assert.deepEqual(await violations(chat.page), [], colorScheme);
    await dialog.getByRole('button', { name: 'Share…' }).click();
    assert.deepEqual(await chat.page.evaluate(() => window.shared), { title: '花园 · sse-chat', url: link });
    // Over plain HTTP there is no clipboard API.
    await dialog.getByRole('button', { name: 'Copy' }).click();
    await dialog.getByRole('status').filter({ hasText: 'Copied' }).waitFor();
    const code = dialog.getByRole('img', { name: 'QR code of the link' });
    // The page's policy forbids to load a picture from data: a page without one reads it.
    const reader = await person.context.newPage();
    const png = (await code.screenshot()).toString('base64');
    await reader.setContent(`<img src="data:image/png;base64,${png}">`);
    assert.equal(await scanned(reader.locator('img')), link);
    await chat.page.bringToFront();
    await dialog.getByRole('button', { name: 'Close' }).click();
    assert.equal(await chat.page.evaluate(() => document.activeElement.id), 'copy-link');
    person.hadNothingToComplainOf();
    await person.context.close();
  }
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Carol');
  await chat.page.locator('#copy-link').click();
  await chat.page.getByRole('dialog').getByText('This link works only on this computer.').waitFor();
  assert.equal(await chat.page.locator('.qr').count(), 0);
});

/** Reads a code by another implementation: its version and its bytes. @param {boolean[][] | null} modules */
function read(modules) {
  assert(modules);
  const [quiet, scale] = [4, 3];
  const size = (modules.length + 2 * quiet) * scale;
  const pixels = new Uint8ClampedArray(size * size * 4).fill(255);
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      const isDark = modules[Math.floor(y / scale) - quiet]?.[Math.floor(x / scale) - quiet];
      if (isDark) pixels.fill(0, (y * size + x) * 4, (y * size + x) * 4 + 3);
    }
  }
  const found = jsqr(pixels, size, size, { inversionAttempts: 'dontInvert' });
  return found && { version: found.version, text: new TextDecoder().decode(Uint8Array.from(found.binaryData)) };
}

test('QR codes of all sizes and masks are read by another implementation', LIMIT, async (t) => {
  // The most bytes of each version with error correction M (ISO/IEC 18004, table 7).
  const capacities = [
    14, 26, 42, 62, 84, 106, 122, 152, 180, 213, 251, 287, 331, 362, 412, 450, 504, 560, 624, 666,
    711, 779, 857, 911, 997, 1059, 1125, 1190, 1264, 1370, 1452, 1538, 1628, 1722, 1809, 1911, 1989, 2099, 2213, 2331,
  ];
  for (const [at, capacity] of capacities.entries()) {
    const text = 'https://chat.example.org/r/花园?'.repeat(100).slice(0, capacity);
    const fitting = [...text].reduce((sum, char) => (Buffer.byteLength(sum + char) <= capacity ? sum + char : sum), '');
    const padded = fitting + 'x'.repeat(capacity - Buffer.byteLength(fitting));
    const modules = qrOf(padded);
    assert.equal((modules.length - 17) / 4, at + 1, `${capacity} bytes`);
    // Reading a large one takes long.
    if (at < 10 || at % 8 === 7) assert.deepEqual(read(modules), { version: at + 1, text: padded });
  }
  assert.equal(qrOf('x'.repeat(2_332)), null);
  for (let mask = 0; mask < 8; mask += 1) assert.equal(read(qrOf('https://chat.example.org/', mask)).text, 'https://chat.example.org/');
});

test('a bad address is a page in the browser’s language, with a way back', LIMIT, async (t) => {
  const server = await Server.start(t);
  for (const [locale, lang, back] of [['en-US', 'en', 'Go to the room lobby'], ['zh-CN', 'zh-CN', '进入房间 lobby']]) {
    const person = await Person.arrive(t, { locale });
    const page = await person.context.newPage();
    for (const [path, status] of [
      ['/r/bad%20name', 400], [`/r/${'a'.repeat(65)}`, 400], ['/r/%ff', 400], ['/nowhere', 404], ['/r/a/b', 404], ['/rooms', 404],
      ['/events', 400], ['/rooms/lobby/messages?limit=0', 400], ['/rooms/lobby/messages/1', 405], ['/rooms/lobby/bans', 403],
    ]) {
      const response = await page.goto(server.url + path);
      assert.equal(response.status(), status, path);
      assert.match(response.headers()['content-type'], /^text\/html/, path);
      assert.equal(await page.locator('html').getAttribute('lang'), lang);
      if (path === '/nowhere') assert.deepEqual(await violations(page), [], path);
      await page.getByRole('link', { name: back }).click();
      await page.locator('#join').waitFor();
      assert.equal(new URL(page.url()).pathname, '/', path);
    }
  }
});

test('without JavaScript, the page says what it is, and its curl lines work', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t, { javaScriptEnabled: false });
  const page = await person.context.newPage();
  await page.goto(`${server.url}/r/lobby`);
  await page.locator('noscript h2').waitFor();
  assert.match(await page.locator('noscript').last().textContent(), /This page needs JavaScript; the chat does not\./);
  assert.equal(await page.locator('nav, aside, header, footer, dialog').filter({ visible: true }).count(), 0);
  for (const lines of await page.locator('noscript pre').allTextContents()) {
    const [reads, writes] = lines.replaceAll('HOST', server.url).split('\n');
    const reader = spawn('bash', ['-c', `exec ${reads}`], { stdio: ['ignore', 'pipe', 'ignore'] });
    t.after(() => reader.kill());
    let heard = '';
    reader.stdout.setEncoding('utf8').on('data', (text) => { heard += text; });
    const hears = async (wanted) => {
      while (!heard.includes(wanted)) await within(once(reader.stdout, 'data'), wanted);
    };
    await hears('event: hello');
    await promisify(execFile)('bash', ['-c', `${writes} --silent --fail`]);
    await hears(/message=(\S+)/.exec(writes)[1]);
    reader.kill();
  }
});
