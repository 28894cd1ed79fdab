// The chat page's message box: keys, input methods, drafts, commands, limits.

import assert from 'node:assert/strict';
import test from 'node:test';

import { LIMIT, Person, boundsOf } from './browser.mjs';
import { Server } from './server.mjs';

/** What a Chinese input method does, through the debugger protocol. */
class InputMethod {
  static async of(page) {
    const method = new InputMethod();
    method.cdp = await page.context().newCDPSession(page);
    return method;
  }

  /** The keys that are typed, as they stand underlined in the box. */
  async compose(...steps) {
    for (const text of steps) {
      await this.#key('rawKeyDown', 'Process', 229);
      await this.cdp.send('Input.imeSetComposition', { text, selectionStart: text.length, selectionEnd: text.length });
      await this.#key('keyUp', 'Process', 229);
    }
  }

  /** Enter takes what is underlined, or what it stands for. */
  async commit(text) {
    await this.#key('rawKeyDown', 'Enter', 229);
    await this.cdp.send('Input.insertText', { text });
    await this.#key('keyUp', 'Enter', 13);
  }

  #key(type, key, windowsVirtualKeyCode) {
    return this.cdp.send('Input.dispatchKeyEvent', { type, key, code: key === 'Enter' ? 'Enter' : '', windowsVirtualKeyCode });
  }
}

test('Enter of an input method commits its text, and the next one sends it', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, '小明');
  const events = chat.page.evaluate(() => new Promise((resolve) => {
    const seen = [];
    const box = document.getElementById('message');
    for (const type of ['compositionstart', 'compositionend', 'keydown']) {
      box.addEventListener(type, (event) => {
        seen.push(type === 'keydown' ? `${event.key} ${event.keyCode} ${event.isComposing}` : type);
        if (type === 'compositionend') resolve(seen);
      });
    }
  }));
  await chat.message.focus();
  const method = await InputMethod.of(chat.page);
  await method.compose('n', 'ni', 'nihao');
  assert.equal(await chat.message.inputValue(), 'nihao');
  // Enter during a composition belongs to the input method.
  await chat.message.dispatchEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, isComposing: true });
  assert.equal(await chat.message.inputValue(), 'nihao');
  await method.commit('你好');
  const seen = await events;
  assert(seen.includes('compositionstart') && seen.some((key) => /229/.test(key)), String(seen));
  assert.equal(await chat.message.inputValue(), '你好');
  // Safari ends the composition first. Only key code 229 shows that the key belonged to
  // the input method.
  await chat.message.dispatchEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, keyCode: 229 });
  assert.equal(await chat.message.inputValue(), '你好');
  assert.equal((await server.said('lobby')).length, 0);
  await chat.message.press('Enter');
  await chat.says('你好');
  person.hadNothingToComplainOf();
});

test('Shift and Enter begin a line, the box grows with it, and shrinks again', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  const height = async () => (await boundsOf(chat.message)).height;
  const one = await height();
  for (let line = 1; line <= 4; line += 1) {
    await chat.message.pressSequentially(`line ${line}`);
    await chat.message.press('Shift+Enter');
  }
  assert(await height() > one * 2);
  await chat.message.fill('line\n'.repeat(200));
  assert(await height() < chat.page.viewportSize().height / 2, 'the talk stays in sight');
  await chat.message.fill('a\nb');
  await chat.message.press('Enter');
  await chat.says('a\nb');
  assert.equal(await height(), one);
});

test('where there is only touch, Enter begins a line and the button sends', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t, { hasTouch: true, isMobile: true, viewport: { width: 390, height: 780 } });
  const chat = await person.open(server.url);
  // Nothing has the focus: the keyboard would cover the page.
  assert.equal(await chat.page.evaluate(() => document.activeElement.tagName), 'BODY');
  await chat.callMe('Alice');
  await chat.message.fill('one');
  await chat.message.press('Enter');
  await chat.message.pressSequentially('two');
  assert.equal((await server.said('lobby')).length, 0);
  await chat.page.getByRole('button', { name: 'Send' }).tap();
  await chat.says('one\ntwo');
});

test('bytes are counted as the server counts them, near the limit, and too much is not sent', LIMIT, async (t) => {
  const server = await Server.start(t, '--max-message-bytes', '20');
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  const counter = chat.page.locator('#counter');
  await chat.message.fill('sixteen bytes …');
  await chat.has('#counter', '3 bytes left');
  await chat.message.fill('short');
  assert(await counter.isHidden());
  await chat.message.fill('中文中文中文中');
  await chat.has('#counter', '1 byte over the limit');
  await chat.message.press('Enter');
  await chat.page.getByRole('status').filter({ hasText: '1 byte over the limit' }).waitFor({ state: 'attached' });
  assert.equal(await chat.message.inputValue(), '中文中文中文中');
  // White space at the end is not counted, since the server cuts it.
  await chat.message.fill('中文中文中文  \n ');
  await chat.has('#counter', '2 bytes left');
  await chat.message.press('Enter');
  await chat.says('中文中文中文');
  await chat.message.fill('   \n ');
  await chat.message.press('Enter');
  assert.equal((await server.said('lobby')).length, 1);
  person.hadNothingToComplainOf();
});

test('each room keeps its draft, over a reload and a restart of the browser', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  await chat.message.pressSequentially('for the lobby');
  await chat.join('garden');
  assert.equal(await chat.message.inputValue(), '');
  await chat.message.pressSequentially('for the garden');
  await chat.rooms.filter({ hasText: 'lobby' }).click();
  await chat.has('h1', 'lobby');
  assert.equal(await chat.message.inputValue(), 'for the lobby');
  await chat.page.close();
  const next = await person.open(`${server.url}/r/garden`);
  assert.equal(await next.message.inputValue(), 'for the garden');
  await next.message.press('Enter');
  await next.says('for the garden');
  await next.page.reload();
  await next.is('live');
  assert.equal(await next.message.inputValue(), '');
});

test('@ offers who is here, in any script; a key takes one', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  for (const name of ['Bob', 'Bobby Tables', '小明']) await (await Person.arrive(t)).open(`${server.url}?shared=0`, name);
  await chat.has('#people-list .name', 'Alice', 'Bob', 'Bobby Tables', '小明');
  await chat.message.pressSequentially('hey @bo');
  await chat.has('#completion li', 'Bob', 'Bobby Tables');
  await chat.message.press('ArrowDown');
  assert.equal(await chat.message.getAttribute('aria-activedescendant'), 'completion-1');
  await chat.message.press('Tab');
  assert.equal(await chat.message.inputValue(), 'hey @Bobby Tables ');
  await chat.message.pressSequentially('你好@小');
  await chat.has('#completion li', '小明');
  await chat.message.press('Enter');
  assert.equal(await chat.message.inputValue(), 'hey @Bobby Tables 你好@小明 ');
  await chat.message.pressSequentially('mail@b');
  await chat.has('#completion li');
  await chat.message.fill('@');
  await chat.has('#completion li', 'Bob', 'Bobby Tables', '小明');
  await chat.message.press('Escape');
  await chat.has('#completion li');
  await chat.message.fill('@bob');
  await chat.page.locator('#completion li').first().click();
  assert.equal(await chat.message.inputValue(), '@Bob ');
  await chat.message.fill('for ');
  await chat.page.locator('#people-list button').filter({ hasText: '小明' }).click();
  assert.equal(await chat.message.inputValue(), 'for @小明 ');
  person.hadNothingToComplainOf();
});

test('commands do what they say, and one that there is not is not sent at once', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  await chat.say('/nmae Bob');
  await chat.page.getByRole('alert').filter({ hasText: 'Unknown command /nmae.' }).waitFor();
  assert.equal(await chat.message.inputValue(), '/nmae Bob');
  await chat.say('/name');
  await chat.page.getByRole('alert').filter({ hasText: 'Add something after /name.' }).waitFor();
  await chat.say(`/name ${'x'.repeat(33)}`);
  await chat.page.getByRole('alert').filter({ hasText: 'Use 1 to 32 visible characters' }).waitFor();
  await chat.say('/name  Bob   the Builder ');
  await chat.has('#me .name', 'Bob the Builder');
  await chat.say('/me waves');
  await chat.says('waves');
  await chat.has('#log .action .name', 'Bob the Builder');
  await chat.say('//join is said');
  await chat.says('waves', '/join is said');
  await chat.say('///join is no escape');
  await chat.says('waves', '/join is said', '///join is no escape');
  await chat.say('/constructor');
  await chat.page.getByRole('alert').filter({ hasText: 'Unknown command /constructor.' }).waitFor();
  await chat.say('/join not a room');
  await chat.page.getByRole('alert').filter({ hasText: '1 to 64 letters' }).waitFor();
  await chat.say('/join #garden');
  await chat.has('h1', 'garden');
  assert.equal(await chat.message.inputValue(), '');
  await chat.say('/leave');
  await chat.has('h1', 'lobby');
  await chat.has('#room-list .room-name', 'lobby');
  assert.equal(await chat.message.inputValue(), '');
  await chat.say('/clear');
  await chat.says();
  assert(await chat.page.locator('#empty').isHidden(), 'something has been said');
  await chat.page.getByRole('button', { name: 'Load older messages' }).click();
  await chat.says('waves', '/join is said', '///join is no escape');
  await chat.say('/help');
  await chat.page.getByRole('dialog', { name: 'Help' }).waitFor();
  assert.deepEqual((await server.said('lobby')).map(({ message }) => message), ['/me waves', '/join is said', '///join is no escape']);
  person.hadNothingToComplainOf();
});

test('a page works with a storage that somebody else has filled', LIMIT, async (t) => {
  const server = await Server.start(t);
  for (const garbage of [
    '', 'not JSON', '7', '"text"', '"toString"', '[7, null, {}]', '{"a": []}', 'null',
    '[{"name":"a b"},{"name":"lobby","read":5,"counted":7}]', '{"until":0,"letters":5}', '{"until":0,"letters":[null,{"text":7}]}',
  ]) {
    const person = await Person.arrive(t);
    await person.context.addInitScript((garbage) => {
      if (location.protocol !== 'http:') return;
      for (const key of ['rooms', 'own', 'theme', 'language', 'name', 'sound', 'outbox.x', 'draft.lobby', 'comings', 'reacted', 'emoji']) {
        if (localStorage.getItem(`sse-chat.${key}`) === null) localStorage.setItem(`sse-chat.${key}`, garbage);
      }
    }, garbage);
    const chat = await person.open(server.url);
    if (await chat.page.locator('#join').isVisible()) await chat.callMe('Alice');
    await chat.say(`after ${garbage}`);
    await chat.log.getByText(`after ${garbage}`, { exact: true }).last().waitFor();
    person.hadNothingToComplainOf();
    await person.context.close();
  }
});

test('a page works where storage is forbidden', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  await person.context.addInitScript(() => {
    Object.defineProperty(window, 'localStorage', {
      get() {
        throw new DOMException('forbidden', 'SecurityError');
      },
    });
  });
  const chat = await person.open(server.url, 'Alice');
  await chat.say('hello');
  await chat.says('hello');
  await chat.join('garden');
  await chat.say('roses');
  await chat.says('roses');
  person.hadNothingToComplainOf();
});
