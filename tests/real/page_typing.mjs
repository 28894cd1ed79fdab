// What is typed, pasted, dropped and copied: it arrives as it was meant, and
// nothing of it is lost.

import assert from 'node:assert/strict';
import test from 'node:test';

import { LIMIT, Person, boundsOf } from './browser.mjs';
import { Server } from './server.mjs';
import { sidesOfLines } from './sides.mjs';

const alert = (chat, text) => chat.page.getByRole('alert').filter({ hasText: text }).waitFor();

test('what can’t be a command is text, and sent as it is typed', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  const texts = ['// TODO', '/usr/bin/x', '//TODO', '/ alone', '/', '//', '/5 minutes', '/a-b', '/名字', '//host/share', '/join/me', '/:'];
  for (const text of texts) await chat.say(text);
  await chat.says(...texts);
  await chat.say('//me waves');
  await chat.says(...texts, '/me waves'.slice(4));
  // An unknown command is refused once. Sent again, it goes out as text.
  await chat.say('/shrug it off');
  await alert(chat, 'Unknown command /shrug. Send again to post it as text.');
  await chat.message.press('Enter');
  await chat.has('#outbox > li');
  assert.deepEqual((await server.said('lobby')).map(({ message }) => message), [...texts, '/me waves', '/shrug it off']);
  await chat.say('/shrug');
  await alert(chat, 'Unknown command /shrug.');
  await chat.say('/name');
  await alert(chat, 'Add something after /name.');
  await chat.message.press('Enter');
  await alert(chat, 'Add something after /name.');
  person.hadNothingToComplainOf();
});

test('controls that are pasted, dropped, drafted or typed by an input method become line breaks, or go', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  await person.context.addInitScript(() => {
    if (location.protocol === 'http:') sessionStorage.setItem('sse-chat.draft.slides', 'from a\u000bdraft\u0007');
  });
  const chat = await person.open(server.url, 'Alice');
  /** Pastes or drops as a browser does: the event, and the text if nothing prevents it. */
  const put = (type, text) => chat.message.evaluate((box, [type, text]) => {
    const data = new DataTransfer();
    data.setData('text/plain', text);
    const event = type === 'paste' ? new ClipboardEvent(type, { clipboardData: data, bubbles: true, cancelable: true })
      : new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true });
    box.focus();
    if (box.dispatchEvent(event)) document.execCommand('insertText', false, text);
  }, [type, text]);
  await chat.message.fill('[]');
  await chat.message.evaluate((box) => box.setSelectionRange(1, 1));
  await put('paste', 'a\u000bslide\u000cand \u0001more\u0085\t!');
  assert.equal(await chat.message.inputValue(), '[a\nslide\nand more\n\t!]');
  assert.equal(await chat.message.evaluate((box) => box.value.slice(box.selectionStart)), ']');
  await chat.message.press('Enter');
  await chat.says('[a\nslide\nand more\n\t!]');
  await put('drop', 'dropped\u000btext');
  assert.equal(await chat.message.inputValue(), 'dropped\ntext');
  await chat.message.fill('');
  const cdp = await chat.page.context().newCDPSession(chat.page);
  await cdp.send('Input.imeSetComposition', { text: 'x\u0007', selectionStart: 2, selectionEnd: 2 });
  await cdp.send('Input.insertText', { text: 'typed\u0007' });
  assert.equal(await chat.message.inputValue(), 'typed');
  await chat.join('slides');
  assert.equal(await chat.message.inputValue(), 'from a\ndraft');
  await chat.message.press('Enter');
  await chat.says('from a\ndraft');
  await chat.has('#outbox > li');
  person.hadNothingToComplainOf();
});

test('each tab has its own draft, and a new one begins with the newest that was left', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const [one, two] = [await person.open(server.url, 'Alice'), await person.open(server.url)];
  await one.message.fill('of one');
  await two.message.fill('of two');
  await one.join('garden');
  await one.rooms.filter({ hasText: 'lobby' }).click();
  await one.has('h1', 'lobby');
  assert.equal(await one.message.inputValue(), 'of one');
  for (const chat of [one, two]) {
    await chat.page.reload();
    await chat.is('live');
  }
  assert.equal(await one.message.inputValue(), 'of one');
  assert.equal(await two.message.inputValue(), 'of two');
  await one.message.fill('');
  await one.page.reload();
  await one.is('live');
  assert.equal(await one.message.inputValue(), '', 'what was emptied stays empty');
  await one.message.fill('typed last');
  await two.message.fill('');
  await two.page.close();
  await one.page.close();
  const three = await person.open(server.url);
  assert.equal(await three.message.inputValue(), 'typed last');
  await three.message.press('Enter');
  await three.says('typed last');
  const four = await person.open(server.url);
  assert.equal(await four.message.inputValue(), '', 'what was sent is no draft');
  person.hadNothingToComplainOf();
});

test('a tab that begins with another’s draft takes nothing from it', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const one = await person.open(server.url, 'Alice');
  await one.message.fill('unfinished');
  const two = await person.open(server.url);
  assert.equal(await two.message.inputValue(), 'unfinished');
  await two.message.fill('something else');
  await two.message.press('Enter');
  await two.says('something else');
  assert.equal(await one.message.inputValue(), 'unfinished');
  await one.page.reload();
  await one.is('live');
  assert.equal(await one.message.inputValue(), 'unfinished');
});

test('each line stands on the side of its own first strong letter', LIMIT, async (t) => {
  const server = await Server.start(t);
  await server.say('lobby', 'Carol', 'Hello\nשלום לך\nمرحبا\nbye');
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  const sides = await chat.log.locator('.text').evaluate(sidesOfLines);
  assert.deepEqual(sides, ['left', 'right', 'right', 'left']);
  const style = await chat.message.evaluate((box) => [getComputedStyle(box).unicodeBidi, getComputedStyle(box).textAlign]);
  assert.deepEqual(style, ['plaintext', 'start']);
});

test('the box is as high as its text where CSS can’t do that, too', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  await person.context.addInitScript(() => {
    const { supports } = CSS;
    CSS.supports = (...asked) => asked[0] !== 'field-sizing' && supports.call(CSS, ...asked);
    document.addEventListener('DOMContentLoaded', () => {
      document.getElementById('message').style.setProperty('field-sizing', 'fixed');
    });
  });
  const chat = await person.open(server.url, 'Alice');
  const height = async () => (await boundsOf(chat.message)).height;
  const one = await height();
  await chat.message.fill('wrapped text '.repeat(40));
  assert(await height() > one * 2);
  assert.equal(await chat.message.evaluate((box) => box.scrollHeight - box.clientHeight), 0, 'all of it is in sight');
  const wide = await height();
  await chat.page.setViewportSize({ width: 500, height: 700 });
  await chat.page.waitForFunction((wide) => document.getElementById('message').offsetHeight > wide, wide);
  await chat.message.fill('short');
  assert.equal(await height(), one);
  person.hadNothingToComplainOf();
});

test('an invitation link can be joined as it was copied, and one of another server is refused', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  const host = server.url.slice('http://'.length);
  const join = async (typed) => {
    await chat.page.locator('#join-room').click();
    await chat.page.locator('#new-room').fill(typed);
    await chat.page.locator('#new-room').press('Enter');
  };
  for (const [typed, room] of [
    [` ${server.url}/r/garden `, 'garden'],
    [`${server.url}/r/%E8%8A%B1%E5%9B%AD?shared=0#x`, '花园'],
    [`${server.url}/r/花园/`, '花园'],
    [`${host}/r/kitchen`, 'kitchen'],
    ['/r/attic', 'attic'],
    [server.url, 'lobby'],
    [`${server.url}/`, 'lobby'],
  ]) {
    await join(typed);
    await chat.has('h1', room);
  }
  await chat.say(`/join ${server.url}/r/cellar`);
  await chat.has('h1', 'cellar');
  for (const [typed, hint] of [
    ['https://other.example/r/garden', 'That link is for another server: other.example.'],
    ['other.example/r/garden', 'That link is for another server: other.example.'],
    [`${server.url}/healthz`, 'Use 1 to 64 letters'],
    [`${server.url}/r/not%20a%20room`, 'Use 1 to 64 letters'],
    ['a/b', 'Use 1 to 64 letters'],
  ]) {
    await join(typed);
    await chat.page.locator('#room-hint').filter({ hasText: hint }).waitFor();
    await chat.page.keyboard.press('Escape');
  }
  await chat.has('h1', 'cellar');
  person.hadNothingToComplainOf();
});

test('a file that is dropped, or a picture that is pasted, does nothing but say so', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  const put = (selector, type, kind) => chat.page.evaluate(([selector, type, kind]) => {
    const data = new DataTransfer();
    if (kind === 'file') data.items.add(new File(['x'], 'picture.png', { type: 'image/png' }));
    else data.setData(kind, 'https://elsewhere.example/');
    const event = type === 'paste' ? new ClipboardEvent(type, { clipboardData: data, bubbles: true, cancelable: true })
      : new DragEvent(type, { dataTransfer: data, bubbles: true, cancelable: true });
    document.querySelector(selector).dispatchEvent(event);
    const { hidden, textContent } = document.getElementById('notice');
    document.getElementById('notice').hidden = true;
    return [event.defaultPrevented, hidden ? '' : textContent];
  }, [selector, type, kind]);
  const told = [true, 'You can only send text.'];
  assert.deepEqual(await put('#message', 'paste', 'file'), told);
  for (const at of ['#message', '#log', 'body']) {
    assert.deepEqual(await put(at, 'dragover', 'file'), [true, '']);
    assert.deepEqual(await put(at, 'drop', 'file'), told);
  }
  // A link that is dropped beside the box would be opened; in it, it is text.
  assert.deepEqual(await put('#log', 'drop', 'text/uri-list'), [true, '']);
  assert.deepEqual(await put('#message', 'drop', 'text/plain'), [false, '']);
  assert.deepEqual(await put('#message', 'paste', 'text/plain'), [false, '']);
  assert.equal(await chat.message.inputValue(), '');
  person.hadNothingToComplainOf();
});

test('copied talk is names and texts', LIMIT, async (t) => {
  const server = await Server.start(t);
  await server.say('lobby', 'Carol', 'first **bold**');
  await server.say('lobby', 'Carol', 'second\nline');
  await server.say('lobby', 'Dave', 'see\n```js\nlet a;\n```');
  const person = await Person.arrive(t, { permissions: ['clipboard-read', 'clipboard-write'] });
  const chat = await person.open(server.url, 'Alice');
  await chat.log.locator('.text').nth(2).waitFor();
  const copied = async (select) => {
    await chat.page.evaluate(select);
    await chat.page.keyboard.press('Control+C');
    return chat.page.evaluate(() => navigator.clipboard.readText());
  };
  const all = await copied(() => {
    document.activeElement.blur();
    getSelection().selectAllChildren(document.getElementById('log'));
  });
  assert.equal(all, 'Carol: first bold\nCarol: second\nline\nDave: see\nlet a;');
  const part = await copied(() => {
    const [first, second] = document.querySelectorAll('#log .text');
    getSelection().setBaseAndExtent(first.firstChild, 2, second.firstChild, 6);
  });
  assert.equal(part, 'rst bold\nCarol: second');
  const inside = await copied(() => {
    const [, second] = document.querySelectorAll('#log .text');
    getSelection().setBaseAndExtent(second.firstChild, 0, second.firstChild, 3);
  });
  assert.equal(inside, 'sec');
  person.hadNothingToComplainOf();
});
