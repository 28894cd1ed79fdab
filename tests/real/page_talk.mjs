// The chat page's log: the messages, their layout, and when history is loaded.

import assert from 'node:assert/strict';
import test from 'node:test';

import { LIMIT, QUICK, Person, boundsOf } from './browser.mjs';
import { Proxy } from './proxy.mjs';
import { Server } from './server.mjs';

test('what is said in one tab is seen in the other, and markup is only text', LIMIT, async (t) => {
  const server = await Server.start(t);
  const [alice, mallory] = [await Person.arrive(t), await Person.arrive(t)];
  const [here, there] = [await alice.open(server.url, 'Alice'), await mallory.open(server.url)];
  await here.say('Hello\nthere');
  await there.says('Hello\nthere');

  const name = '<img src=x onerror=alert(1)>';
  const text = '<script>alert(2)</script><svg onload=alert(3)> javascript:alert(4) {{7*7}} &lt;';
  await there.callMe(name);
  await there.say(text);
  for (const chat of [here, there]) {
    await chat.says('Hello\nthere', text);
    await chat.has('#log .name', 'Alice', name);
    await chat.has('#people-count', '2');
    assert.equal(await chat.page.locator('#log img, #log script, #log svg, #people-list img').count(), 0);
  }
  await here.has('#log .own .text', 'Hello\nthere');
  await there.has('#log .own .text', text);
  assert.equal(await here.outbox.count(), 0);
  const time = here.log.locator('time').first();
  assert.match(await time.textContent(), /^\d{1,2}:\d\d\s[AP]M$/);
  assert.match(await time.getAttribute('title'), /\b20\d\d\b/);
  assert.equal(await time.getAttribute('datetime'), (await server.said('lobby'))[0].created_at);
  alice.hadNothingToComplainOf();
  mallory.hadNothingToComplainOf();
});

test('a breach of the policy would not go unseen', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url);
  const complaint = person.context.waitForEvent('console', (message) => message.text().startsWith('policy: '));
  await chat.page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'document.title = "breached"';
    document.body.append(script);
  });
  await complaint;
  assert.throws(() => person.hadNothingToComplainOf());
  assert.equal(await chat.page.title(), 'lobby · sse-chat');
});

test('nothing that people write breaks the layout, on a phone of 320 px neither', LIMIT, async (t) => {
  const server = await Server.start(t);
  const texts = [
    'a'.repeat(4_096),
    '🏳️‍🌈👩‍👩‍👧‍👦'.repeat(80),
    'مرحبا '.repeat(200),
    '\u202etxt.exe\u202c \u2066isolated \u202dforced',
    'Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324'.repeat(50),
    `https://example.com/${'path/'.repeat(300)}`,
    `\`\`\`\n${'wide '.repeat(300)}\n\`\`\``,
    `\`${'code'.repeat(300)}\``,
    '中文'.repeat(600),
    'line\n'.repeat(300),
  ];
  for (const text of texts) await server.say('lobby', 'W'.repeat(32), text);
  for (const viewport of [{ width: 320, height: 568 }, { width: 1_600, height: 900 }]) {
    const person = await Person.arrive(t, { viewport });
    const chat = await person.open(server.url, 'ﷺ'.repeat(32));
    await chat.log.locator('.text').nth(texts.length - 1).waitFor();
    const wide = await chat.page.evaluate(() => [document.scrollingElement, document.getElementById('scroller'), ...document.querySelectorAll('#log > li')]
      .filter((element) => element.scrollWidth > element.clientWidth + 1)
      .map((element) => `${element.tagName}#${element.id} ${element.scrollWidth} > ${element.clientWidth}`));
    assert.deepEqual(wide, [], `at ${viewport.width} px`);
    // The message box is where it belongs.
    const box = await boundsOf(chat.message);
    assert(box.x >= 0 && box.x + box.width <= viewport.width && box.y + box.height <= viewport.height);
    person.hadNothingToComplainOf();
  }
});

test('text has code, links, emphasis and names, and nothing else', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url);
  const rendered = (texts) => chat.with('view/text.js', `({ render }) => ${JSON.stringify(texts)}.map((text) => {
    const box = document.createElement('div');
    box.append(render(text, { me: 'Ann', names: ['Anna', '小明', 'Jo Doe'] }));
    for (const link of box.querySelectorAll('a')) for (const name of ['target', 'rel', 'class']) link.removeAttribute(name);
    return box.innerHTML.replace(/<span class="mention( me)?">([^<]*)<\\/span>/g, '[$2]').replace(/ class="[^"]*"/g, '');
  })`);
  const cases = {
    'plain <b>': 'plain &lt;b&gt;',
    'see https://a.example/x?y=1&z, ok': 'see <a href="https://a.example/x?y=1&amp;z">https://a.example/x?y=1&amp;z</a>, ok',
    '看https://a.example，然后': '看<a href="https://a.example/">https://a.example</a>，然后',
    'https://a.example。': '<a href="https://a.example/">https://a.example</a>。',
    '(https://a.example/b_(c)).': '(<a href="https://a.example/b_(c)">https://a.example/b_(c)</a>).',
    'https://a.example/a_b_c': '<a href="https://a.example/a_b_c">https://a.example/a_b_c</a>',
    'javascript:alert(1) data:text/html,x ftp://a.example': 'javascript:alert(1) data:text/html,x ftp://a.example',
    'xhttps://a.example': 'xhttps://a.example',
    'https:// http://': 'https:// http://',
    '`a <b> **c**` d': '<code>a &lt;b&gt; **c**</code> d',
    '**bold** and _em_': '<strong>bold</strong> and <em>em</em>',
    'snake_case_name and 2 ** 3 ** 4': 'snake_case_name and 2 ** 3 ** 4',
    '**a _b_ https://a.example**': '<strong>a <em>b</em> <a href="https://a.example/">https://a.example</a></strong>',
    '@Ann @Anna @Annabel @ann': '[@Ann] [@Anna] @Annabel [@ann]',
    'https://müller.example/x_ @Ann': '<a href="https://xn--mller-kva.example/x_" title="https://xn--mller-kva.example/x_">https://müller.example/x_</a> [@Ann]',
    'https://paypal.com@evil.example/ **a**': 'https://paypal.com@evil.example/ <strong>a</strong>',
    'https://a.example/_x and _y_': '<a href="https://a.example/_x">https://a.example/_x</a> and <em>y</em>',
    'https://a.example/b**c** **d**': '<a href="https://a.example/b**c">https://a.example/b**c</a>** <strong>d</strong>',
    '@Annä @Ann一 @小明a': '@Annä [@Ann]一 [@小明]a',
    '@小明你好 a@Ann.example @Jo Doe!': '[@小明]你好 a@Ann.example [@Jo Doe]!',
    '** ** __ `` _ _': '** ** __ `` _ _',
  };
  const html = await rendered(Object.keys(cases));
  for (const [index, [text, wanted]] of Object.entries(cases).entries()) assert.equal(html[index], wanted, text);
  const [block] = await rendered(['before\n```rust\nlet x = "<b>";\n\n  **y**\n```\nafter']);
  assert.match(block, /^before<div>.*<pre.*><code>let x = "&lt;b&gt;";\n\n {2}\*\*y\*\*<\/code><\/pre><\/div>after$/s);
  // Worst cases for each pattern; page_text.mjs counts their steps.
  const nasty = [`https://a/${')'.repeat(4_080)}`, `https://a/${'.'.repeat(4_080)}`, '_a '.repeat(1_300), '**a '.repeat(1_000), '`'.repeat(4_096), '@'.repeat(4_096), 'https://'.repeat(500), '```\n'.repeat(1_000), `\`\`\`${' '.repeat(4_080)}`, `\`\`\`a${' '.repeat(4_080)}`, '*_'.repeat(2_000)];
  const began = Date.now();
  assert.equal((await rendered(nasty.flatMap((text) => Array(10).fill(text)))).length, 10 * nasty.length);
  assert(Date.now() - began < 3_000, `${Date.now() - began} ms`);
  assert.equal(await chat.page.evaluate(() => document.querySelectorAll('#log a').length), 0);
});

test('a link opens elsewhere and tells nothing; code can be copied', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t, { permissions: ['clipboard-read', 'clipboard-write'] });
  await server.say('lobby', 'Carol', 'https://example.com/\n```js\nlet a = 1;\nlet b = 2;\n```');
  const chat = await person.open(server.url);
  const link = chat.log.locator('a');
  assert.equal(await link.getAttribute('rel'), 'noopener noreferrer nofollow ugc');
  assert.equal(await link.getAttribute('target'), '_blank');
  await chat.log.getByRole('button', { name: 'Copy' }).click();
  await chat.has('#log .copy', 'Copied');
  assert.equal(await chat.page.evaluate(() => navigator.clipboard.readText()), 'let a = 1;\nlet b = 2;');
  person.hadNothingToComplainOf();
});

test('messages are grouped by who and when, and days are divided', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t, { timezoneId: 'Asia/Shanghai' });
  const chat = await person.open(server.url);
  const rows = await chat.with('view/rows.js', `({ rowsOf }) => {
    let number = 0;
    const said = (name, created_at, message = 'x') => {
      number += 1;
      return { kind: 'message', message: { id: 'a-' + number, room: 'lobby', number, name, message, created_at } };
    };
    const items = [
      said('Ann', '2026-01-01T15:50:00.000Z'),
      said('Ann', '2026-01-01T15:54:59.000Z'),
      said('Ann', '2026-01-01T15:59:59.000Z'),
      said('Ann', '2026-01-01T16:00:00.000Z'), // midnight in Shanghai
      said('Bob', '2026-01-01T16:00:01.000Z'),
      said('Bob', '2026-01-01T16:00:02.000Z', '/me waves'),
      { kind: 'gap', key: 'gap', reason: 'evicted', lost: 3 },
      said('Bob', '2026-01-01T16:00:03.000Z'),
      said('Bob', '2026-01-01T16:00:04.000Z'),
    ];
    const eye = { me: '', names: [], isOwn: () => false, changes: [], unreadAfter: 'a-7', isWhole: true };
    return rowsOf(items, eye).map((row) => row.make()).map((row) => row.className + (row.classList.contains('day') ? ': ' + row.textContent : ''));
  }`);
  assert.deepEqual(rows, [
    'day: Thursday, January 1, 2026', 'message first', 'message', 'message first',
    'day: Friday, January 2, 2026', 'message first', 'message first', 'message first action',
    'gap', 'message first', 'unread', 'message first',
  ]);
});

test('the divider stands before what is new, on either side of a restart, and nowhere if that is not loaded', LIMIT, async (t) => {
  const server = await Server.start(t);
  const chat = await (await Person.arrive(t)).open(server.url);
  const dividedBefore = (ids, unreadAfter, isWhole) => chat.with('view/rows.js', `({ rowsOf }) => {
    const items = ${JSON.stringify(ids)}.map((id, number) => ({
      kind: 'message', message: { id, room: 'lobby', number, name: 'Ann', message: 'x', created_at: '2026-01-01T15:50:00.000Z' },
    }));
    const keys = rowsOf(items, { me: '', names: [], isOwn: () => false, changes: [], unreadAfter: '${unreadAfter}', isWhole: ${isWhole} }).map(({ key }) => key);
    return keys[keys.indexOf('unread') + 1 || keys.length] ?? null;
  }`);
  const ids = ['a-1', 'a-2', 'b-1', 'b-2', 'b-3'];
  for (const [unreadAfter, isWhole, before] of [
    ['a-1', false, 'a-2'], ['a-2', false, 'b-1'], ['b-2', false, 'b-3'], ['b-3', false, null],
    ['b-0', true, 'b-1'], ['b-0', false, null], ['c-7', true, 'a-1'], ['c-7', false, null], ['0-0', true, 'a-1'],
  ]) assert.equal(await dividedBefore(ids, unreadAfter, isWhole), before, `after ${unreadAfter}, ${isWhole}`);
});

test('a mention is of the whole name, not of the beginning of another', LIMIT, async (t) => {
  const server = await Server.start(t);
  const chat = await (await Person.arrive(t)).open(server.url);
  const meant = await chat.with('view/text.js', `({ mentions }) => [
    ['hi @Ann!', 'Ann'], ['@ann', 'Ann'], ['@Ann Lee', 'Ann'], ['@Ann Lee and @Ann', 'Ann'], ['@José', 'Jos'], ['@Иванов', 'Иван'], ['@小明你好', '小明'],
    ['@Jose\u0301!', 'José'], ['@Jose\u0301', 'Jose'], ['@\u1112\u1161\u11ab\u1100\u1173\u11af', '한글'], ['@jose\u0301 Mu\u0308ller.', 'José Müller'],
  ].map(([text, name]) => mentions(text, name, ['Ann Lee', 'Bob']))`);
  assert.deepEqual(meant, [true, true, false, true, false, false, true, true, false, true, true]);
});

test('the page says that history ends where it does, and never a hole of its own making', LIMIT, async (t) => {
  const server = await Server.start(t, '--history', '500');
  for (let number = 1; number <= 700; number += 1) await server.say('lobby', 'Carol', `${number}`);
  const chat = await (await Person.arrive(t)).open(server.url, 'Alice');
  const toTop = () => chat.page.evaluate(() => { document.getElementById('scroller').scrollTop = 0; });
  const first = () => chat.log.locator('.text').first().textContent();
  while (Number(await first()) > 251) {
    const before = await first();
    await toTop();
    await chat.page.waitForFunction((before) => document.querySelector('#log .text').textContent !== before, before);
  }
  // A page of history that arrives after a jump to the newest messages is discarded.
  let arrive;
  const late = new Promise((resolve) => { arrive = resolve; });
  await chat.page.route(/before=/, async (route) => {
    await late;
    await route.continue();
  }, { times: 1 });
  const asked = chat.page.waitForRequest(/before=/);
  await toTop();
  await asked;
  await chat.pill.click();
  await chat.log.getByText('700', { exact: true }).waitFor();
  await chat.isAtEnd();
  const answered = chat.page.waitForResponse(/before=/);
  arrive();
  await (await answered).finished();
  await chat.has('#top button', 'Load older messages');
  assert.equal(await chat.log.locator('.gap').count(), 0);
  while (Number(await first()) > 201) {
    const before = await first();
    await toTop();
    await chat.page.waitForFunction((before) => document.querySelector('#log .text').textContent !== before, before);
  }
  await toTop();
  await chat.has('#top p', 'Older messages are no longer available.');
});

test('a reload shows what was said, and knows who I am', LIMIT, async (t) => {
  const server = await Server.start(t);
  for (let number = 1; number <= 60; number += 1) await server.say('lobby', 'Carol', `message ${number}`);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  const last50 = Array.from({ length: 50 }, (_, index) => `message ${index + 11}`);
  await chat.says(...last50);
  await chat.say('and me');
  await chat.says(...last50, 'and me');
  await chat.page.reload();
  await chat.is('live');
  await chat.says(...last50.slice(1), 'and me');
  await chat.has('#log .own .text', 'and me');
  await chat.has('#me .name', 'Alice');
  await chat.has('#people-count', '1');
  await chat.isAtEnd();

  // More comes between a move to the end and its scroll event: the page still follows.
  await chat.page.evaluate(() => {
    window.grown = new Promise((resolve) => {
      document.addEventListener('scroll', () => {
        document.getElementById('outbox').style.paddingTop = '300px';
        resolve();
      }, { capture: true, once: true });
    });
  });
  await server.say('lobby', 'Carol', 'follow me');
  await chat.page.evaluate(() => window.grown);
  await server.say('lobby', 'Carol', 'and me too');
  await chat.says(...last50.slice(1), 'and me', 'follow me', 'and me too');
  await chat.isAtEnd();

  // A reader who has scrolled up stays there.
  await chat.page.evaluate(() => new Promise((resolve) => {
    const scroller = document.getElementById('scroller');
    scroller.addEventListener('scroll', () => resolve(), { once: true });
    scroller.scrollTop = scroller.scrollHeight / 2;
  }));
  const before = await chat.page.evaluate(() => document.getElementById('scroller').scrollTop);
  await server.say('lobby', 'Carol', 'the newest');
  await chat.has('#pill', '1 new message');
  assert.equal(await chat.page.evaluate(() => document.getElementById('scroller').scrollTop), before);
  await chat.pill.click();
  await chat.isAtEnd();
  await chat.pill.waitFor({ state: 'hidden' });
  person.hadNothingToComplainOf();
});

test('2,000 messages are reached by scrolling up, in order, without a jump, and few are on the page', LIMIT, async (t) => {
  const server = await Server.start(t, '--history', '3000');
  for (let number = 1; number <= 2_000; number += 1) await server.say('lobby', number % 3 ? 'Carol' : 'Dave', `message ${number}`);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url);
  await chat.log.getByText('message 2000', { exact: true }).waitFor();
  const seen = new Set(Array.from({ length: 20 }, (_, index) => 2_000 - index));
  let most = 0;
  for (let turn = 0; !seen.has(1) && turn < 400; turn += 1) {
    const { numbers, jumped, rows } = await chat.page.evaluate(async () => {
      const scroller = document.getElementById('scroller');
      const visible = () => [...document.querySelectorAll('#log .message')]
        .filter((row) => row.getBoundingClientRect().bottom > 100 && row.getBoundingClientRect().top < 600);
      scroller.scrollTop -= 350;
      const [row] = visible();
      const top = row?.getBoundingClientRect().top;
      // Whatever that loads is on the page when nothing changes for three frames.
      let calm = 0;
      const watch = new MutationObserver(() => { calm = 0; });
      watch.observe(document.getElementById('log'), { childList: true });
      const isBusy = () => document.getElementById('top').textContent.startsWith('Loading');
      while (calm < 3) {
        await new Promise(requestAnimationFrame);
        calm = isBusy() ? 0 : calm + 1;
      }
      watch.disconnect();
      return {
        numbers: visible().map((row) => Number(row.querySelector('.text').textContent.slice(8))),
        jumped: row?.isConnected ? Math.abs(row.getBoundingClientRect().top - top) : 0,
        rows: document.querySelectorAll('#log > li').length,
      };
    });
    assert(jumped < 2, `jumped by ${jumped} px`);
    assert.deepEqual(numbers, numbers.map((_, index) => numbers[0] + index), 'in order, without a hole');
    numbers.forEach((number) => seen.add(number));
    most = Math.max(most, rows);
  }
  assert.equal(seen.size, 2_000);
  assert(most < 500, `${most} rows on the page`);
  await chat.has('#top p', 'Start of #lobby');
  // Meanwhile the talk goes on below, and one click leads there.
  await server.say('lobby', 'Carol', 'message 2001');
  await chat.has('#pill', '1 new message');
  await chat.pill.click();
  await chat.log.getByText('message 2001', { exact: true }).waitFor();
  await chat.isAtEnd();
  await chat.pill.waitFor({ state: 'hidden' });
  assert.equal(await chat.log.locator('.gap').count(), 0);
  person.hadNothingToComplainOf();
});

test('scrolling down again loads what was dropped at the other end', LIMIT, async (t) => {
  const server = await Server.start(t, '--history', '3000');
  for (let number = 1; number <= 700; number += 1) await server.say('lobby', 'Carol', `message ${number}`);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url);
  await chat.log.getByText('message 700', { exact: true }).waitFor();
  const scrolled = (by) => chat.page.evaluate(([by]) => { document.getElementById('scroller').scrollTop += by; }, [by]);
  while (!await chat.log.getByText('message 100', { exact: true }).count()) await scrolled(-5_000);
  assert.equal(await chat.log.getByText('message 700', { exact: true }).count(), 0);
  while (!await chat.log.getByText('message 700', { exact: true }).count()) await scrolled(5_000);
  const numbers = (await chat.log.locator('.text').allTextContents()).map((text) => Number(text.slice(8)));
  assert.deepEqual(numbers, numbers.map((_, index) => numbers[0] + index));
  await server.say('lobby', 'Carol', 'message 701');
  await scrolled(5_000);
  await chat.log.getByText('message 701', { exact: true }).waitFor();
});

test('a flood is shown to its end, in order, with some hundred messages on the page', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url);
  await chat.page.locator('#empty').waitFor();
  for (let number = 1; number <= 1_000; number += 1) await server.say('lobby', 'Carol', `message ${number}`);
  await chat.log.getByText('message 1000', { exact: true }).waitFor();
  const numbers = (await chat.log.locator('.text').allTextContents()).map((text) => Number(text.slice(8)));
  assert(numbers.length <= 300, `${numbers.length} on the page`);
  assert.deepEqual(numbers, numbers.map((_, index) => 1_000 - numbers.length + 1 + index));
  await chat.isAtEnd();
});

test('what came while nobody looked is divided from what was read', LIMIT, async (t) => {
  const server = await Server.start(t);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  await chat.page.locator('#empty').waitFor();
  await server.say('lobby', 'Carol', 'seen');
  await chat.says('seen');
  assert.equal(await chat.log.locator('.unread').count(), 0);
  await chat.hide(true);
  for (const text of ['one', 'two']) await server.say('lobby', 'Carol', text);
  await chat.says('seen', 'one', 'two');
  await chat.page.waitForFunction(() => document.title === '(2) lobby · sse-chat');
  await chat.hide(false);
  await chat.page.waitForFunction(() => document.title === 'lobby · sse-chat');
  const after = await chat.log.locator('.unread').evaluate((row) => row.nextElementSibling.querySelector('.text').textContent);
  assert.equal(after, 'one');
  // The divider stays in its place while the user reads, and goes when they send.
  await server.say('lobby', 'Carol', 'three');
  await chat.says('seen', 'one', 'two', 'three');
  assert.equal(await chat.log.locator('.unread').count(), 1);
  await chat.say('thanks');
  await chat.says('seen', 'one', 'two', 'three', 'thanks');
  await chat.log.locator('.unread').waitFor({ state: 'detached' });

  // Closed and opened again, the page still knows the last read message.
  await chat.page.goto('about:blank');
  await server.say('lobby', 'Carol', 'while closed');
  await chat.page.goto(server.url);
  await chat.says('seen', 'one', 'two', 'three', 'thanks', 'while closed');
  const next = await chat.log.locator('.unread').evaluate((row) => row.nextElementSibling.querySelector('.text').textContent);
  assert.equal(next, 'while closed');
});

test('who comes and goes is said in one line, and a short absence not at all', LIMIT, async (t) => {
  const server = await Server.start(t);
  const [alice, others] = [await Person.arrive(t), await Person.arrive(t)];
  // The page waits some seconds before it says that somebody left; the test does not.
  await alice.changeWait(8_000, 1);
  const chat = await alice.open(server.url, 'Alice');
  await chat.say('hello');
  await chat.has('#people-count', '1');
  const bob = await others.open(`${server.url}?shared=0`, 'Bob');
  await chat.has('#log .people-line', '\u2068Bob\u2069 joined');
  const carol = await (await Person.arrive(t)).open(server.url, 'Carol');
  await chat.has('#log .people-line', '\u2068Bob\u2069, \u2068Carol\u2069 joined');
  await chat.has('#people-list .name', 'Alice', 'Bob', 'Carol');
  await carol.page.close();
  await chat.has('#log .people-line', '\u2068Bob\u2069 joined');
  await bob.say('now there is a message');
  await chat.log.getByText('now there is a message').waitFor();
  await bob.page.close();
  await chat.has('#log .people-line', '\u2068Bob\u2069 joined', '\u2068Bob\u2069 left');
  await chat.has('#people-list .name', 'Alice');
  alice.hadNothingToComplainOf();
});

test('a rename is one line for oneself in every tab, and the old name is gone at once', LIMIT, async (t) => {
  const server = await Server.start(t);
  const [alice, carol] = [await Person.arrive(t), await Person.arrive(t)];
  for (const person of [alice, carol]) await person.changeWait(8_000, 1);
  const tabs = [await alice.open(server.url, 'Alice'), await alice.open(server.url)];
  const other = await carol.open(server.url, 'Carol');
  const comings = '\u2068Carol\u2069 joined';
  for (const tab of tabs) await tab.has('#people-list .name', 'Alice', 'Carol');
  await tabs[0].callMe('Alicia');
  for (const tab of tabs) {
    await tab.has('#people-list .name', 'Alicia', 'Carol');
    await tab.has('#people-count', '2');
    await tab.has('#log .people-line', `\u2068Alice\u2069 is now \u2068Alicia\u2069 · ${comings}`);
  }
  await other.has('#log .people-line', '\u2068Alice\u2069 is now \u2068Alicia\u2069');
  await other.has('#people-list .name', 'Carol', 'Alicia');
  for (const tab of tabs) await tab.has('#log .people-line', `\u2068Alice\u2069 is now \u2068Alicia\u2069 · ${comings}`);
  // Back again, as if nothing had been.
  await tabs[1].callMe('Alice');
  for (const tab of tabs) {
    await tab.has('#log .people-line', comings);
    await tab.has('#people-list .name', 'Alice', 'Carol');
  }
  alice.hadNothingToComplainOf();
});

test('a name that somebody else has, too, is back in the list after its owner here took another', LIMIT, async (t) => {
  const server = await Server.start(t);
  const [alice, carol] = [await Person.arrive(t), await Person.arrive(t)];
  await alice.changeWait(12_000, 1);
  const chat = await alice.open(server.url, 'Sam');
  await carol.open(server.url, 'Sam');
  await chat.callMe('Alicia');
  await chat.has('#people-list .name', 'Alicia', 'Sam');
});

test('who comes as another goes is said in one line with them, and a list that is void is asked for', LIMIT, async (t) => {
  const server = await Server.start(t);
  const chat = await (await Person.arrive(t)).open(server.url);
  const seen = await chat.with('state/people.js', `async ({ People }) => {
    const { setTimeout } = window;
    const [said, asked, timers] = [[], [], []];
    const member = (name) => ({ name, since: '2026-01-01T00:00:00Z' });
    window.setTimeout = (work) => timers.push(work);
    const later = async () => {
      for (const work of timers.splice(0)) await work();
    };
    try {
      const people = new People({
        changed() {}, presenceChanged: (room, what, name) => said.push(name + ' ' + what),
        ask: async (room) => { asked.push(room); return { count: 2, members: ['Ann', 'Cem'].map(member) }; },
      });
      const states = [];
      const note = () => states.push([people.in('a')?.count, people.namesIn('a').join()]);
      people.apply({ room: 'a', count: 1, members: [member('Ann')] });
      people.apply({ room: 'a', count: 2, joined: [member('Bob')], left: [] });
      people.apply({ room: 'a', count: 2, joined: [member('Bobby')], left: [{ name: 'Bob' }] });
      note();
      said.push('a message');
      await later();
      // Only the count, at whatever size: the list is void until there is another.
      people.apply({ room: 'a', count: 150 });
      note();
      people.apply({ room: 'a', count: 151, joined: [member('Dan')], left: [] });
      note();
      people.list('a');
      people.list('a');
      await later();
      await null;
      note();
      people.apply({ room: 'a', count: 3, joined: [member('Eve')], left: [] });
      note();
      people.apply({ room: 'a', count: 201 });
      people.list('a');
      people.apply({ room: 'a', count: 0 });
      people.list('a');
      await later();
      people.apply({ room: 'a', count: 1, members: [member('Fay')] });
      note();
      return { said, states, asked };
    } finally {
      window.setTimeout = setTimeout;
    }
  }`);
  assert.deepEqual(seen, {
    said: ['Bob joined', 'a message', 'Bob left', 'Bobby joined', 'Dan joined', 'Eve joined'],
    states: [[2, 'Ann,Bobby'], [150, ''], [151, ''], [2, 'Ann,Cem'], [3, 'Ann,Cem,Eve'], [1, 'Fay']],
    asked: ['a'],
  });
});

test('search shows only what it finds', LIMIT, async (t) => {
  const server = await Server.start(t);
  for (const text of ['red apple', 'green pear', 'RED cherry']) await server.say('lobby', 'Carol', text);
  const person = await Person.arrive(t);
  const chat = await person.open(server.url, 'Alice');
  await chat.page.getByRole('button', { name: 'Search messages' }).click();
  await chat.page.locator('#search').fill('red');
  await chat.has('#found', '2 found · all 3 messages searched');
  await chat.has('#results .found-text', 'RED cherry', 'red apple');
  await server.say('lobby', 'Carol', 'a red one comes');
  await chat.has('#results .found-text', 'a red one comes', 'RED cherry', 'red apple');
  // A match lies in the name or in the text, not across both.
  await chat.page.locator('#search').fill('carolred');
  await chat.has('#found', 'Nothing found · all 4 messages searched');
  await chat.page.locator('#search').fill('carol');
  await chat.has('#results .name mark', 'Carol', 'Carol', 'Carol', 'Carol');
  await chat.page.keyboard.press('Escape');
  await chat.page.locator('#search-bar').waitFor({ state: 'hidden' });
  await chat.says('red apple', 'green pear', 'RED cherry', 'a red one comes');
});

test('a page that was away too long shows how many messages it lost', LIMIT, async (t) => {
  const server = await Server.start(t, ...QUICK, '--history', '5');
  const proxy = await Proxy.start(t, server.host);
  const person = await Person.arrive(t);
  const chat = await person.open(proxy.url);
  await server.say('lobby', 'Carol', '1');
  await chat.says('1');
  proxy.block();
  for (let number = 2; number <= 12; number += 1) await server.say('lobby', 'Carol', `${number}`);
  proxy.unblock();
  await chat.says('1', '8', '9', '10', '11', '12');
  await chat.has('#log .gap', '6 messages are missing: the server keeps only recent messages.');
});
