// The page's scripts that need no document, in node: the regular expressions,
// the links, and what is read of a text.

import assert from 'node:assert/strict';
import fs from 'node:fs';
import test from 'node:test';

import { bytesOf, cleanText, readText } from '../../assets/server/input.js';
import { linkAt } from '../../assets/view/links.js';
import { isVisible } from '../../assets/server/visible.js';
import { expressionsOf, parse, steps, worst } from './expressions.mjs';

const ASSETS = new URL('../../assets/', import.meta.url);
const scripts = fs.readdirSync(ASSETS, { recursive: true }).filter((name) => name.endsWith('.js'))
  .map((name) => ({ name, source: fs.readFileSync(new URL(name, ASSETS), 'utf8') }));
const LENGTH = 600;

test('expressions that go back over and over are found', () => {
  for (const bad of [
    /```[^\S\n]*([\w+#-]*)[^\S\n]*\n([\s\S]*?)\n?```/, /\p{White_Space}+$/u, /\d+$/, /^(a|aa)+$/, /^(\w+)*!/, /x*y*x*z/, /.*,.*;/,
  ]) assert(worst(parse(bad), LENGTH), `${bad} is not linear`);
  for (const good of [/^\d+$/, /[abc]/, /^a*b*c*$/, /"[^"]*"/g]) assert.equal(worst(parse(good), LENGTH), undefined, String(good));
  assert.equal(steps(parse(/ab/), 'ab'), 5);
  assert.deepEqual(expressionsOf("a / b / c; x = /[/]\\//giu; // /no/\n/* /no/ */ f('/no/', /yes/.test(y)); `/no/${ /also/.test({ a: `${b}/no/` }) }/no/`").map(({ source }) => source), ['[/]\\/', 'yes', 'also']);
});

test('each regular expression of the page is linear in the length of any text', () => {
  let count = 0;
  for (const { name, source } of scripts) {
    // One expression is built at run time: from names, of at most 32 characters.
    const together = name === 'server/visible.js' ? 1 : 0;
    assert.equal(source.match(/\bRegExp\s*\(/g)?.length ?? 0, together, `${name}: an expression that is put together`);
    for (const expression of expressionsOf(source)) {
      count += 1;
      const attack = worst(parse(expression), LENGTH);
      assert.equal(attack, undefined, `${name}: /${expression.source}/ with ${JSON.stringify(attack)}`);
    }
  }
  assert(count > 30, `only ${count} expressions found`);
});

/** The links that the page makes of a text, each with its text and its address. */
function linksOf(text) {
  const found = [];
  const scheme = /(?<![A-Za-z0-9_+])https?:\/\//gi;
  for (let match; (match = scheme.exec(text));) {
    const { end, url } = linkAt(text, match.index);
    if (url) found.push([text.slice(match.index, end), url.href]);
    scheme.lastIndex = end;
  }
  return found;
}

/** [text, text of the link, its address if that differs]. A text alone has no link. */
const LINKS = [
  // Host names.
  ['https://a.example', 'https://a.example', 'https://a.example/'],
  ['HTTPS://A.Example/X', 'HTTPS://A.Example/X', 'https://a.example/X'],
  ['http://localhost:8080/r/lobby', 'http://localhost:8080/r/lobby'],
  ['http://nas/', 'http://nas/'],
  ['http://192.168.1.5:3000', 'http://192.168.1.5:3000', 'http://192.168.1.5:3000/'],
  ['http://[::1]:8080/x', 'http://[::1]:8080/x'],
  ['https://müller.example', 'https://müller.example', 'https://xn--mller-kva.example/'],
  ['https://mu\u0308ller.example/', 'https://mu\u0308ller.example/', 'https://xn--mller-kva.example/'],
  ['https://例え.テスト/', 'https://例え.テスト/', 'https://xn--r8jz45g.xn--zckzah/'],
  ['https://пример.рф/путь', 'https://пример.рф/путь', 'https://xn--e1afmkfd.xn--p1ai/%D0%BF%D1%83%D1%82%D1%8C'],
  ['https://مثال.إختبار', 'https://مثال.إختبار', 'https://xn--mgbh0fb.xn--kgbechtv/'],
  ['https://straße.example', 'https://straße.example', 'https://xn--strae-oqa.example/'],
  ['https://xn--mller-kva.example/', 'https://xn--mller-kva.example/'],
  ['https://my_host.a.example/', 'https://my_host.a.example/'],
  // No host, or another one than is written.
  ['https:// http://'],
  ['https://'],
  ['https://-a.example'],
  ['https://a..example'],
  ['https://a_b.example'],
  ['https://1.2.3/'],
  ['https://0x7f.1/'],
  ['https://ａ.example/'],
  ['https://a.example:99999/'],
  ['https://a.example:x'],
  ['https://a\u00ad.example/'],
  ['https://a%2eexample/'],
  [`https://${'a'.repeat(64)}.example/`],
  // Hosts that look like another host.
  ['https://user@a.example/'],
  ['https://user:secret@a.example/'],
  ['https://paypal.com@evil.example/'],
  ['https://paypal.com\\@evil.example/'],
  ['https://pаypal.example/'],
  ['https://аррӏе.example/'],
  ['https://a.example然后'],
  ['https://a.example/\u202egpj.exe'],
  ['https://a.example/x\u2066y'],
  ['https://a.example/x\u200by'],
  ['https://a.example\u200b/x'],
  ['https://a.example/a\\b'],
  ['https://a.example/\ud800'],
  ['https://a.example/\u3164'],
  ['git+https://a.example/x'],
  ['xhttps://a.example'],
  ['javascript:alert(1) data:text/html,x ftp://a.example mailto:a@b.example'],
  // The end of a path.
  ['https://a.example/x_', 'https://a.example/x_'],
  ['https://a.example/~me~', 'https://a.example/~me~'],
  ['https://a.example/_x_y_', 'https://a.example/_x_y_'],
  ['https://a.example/x/', 'https://a.example/x/'],
  ['https://a.example/x.', 'https://a.example/x'],
  ['https://a.example/x?!', 'https://a.example/x'],
  ['https://a.example/x?y=1&z, ok', 'https://a.example/x?y=1&z'],
  ['https://a.example? Yes', 'https://a.example', 'https://a.example/'],
  ['https://a.example: it', 'https://a.example', 'https://a.example/'],
  ['https://a.example/#a:b', 'https://a.example/#a:b'],
  ['https://a.example/x-', 'https://a.example/x-'],
  ['*https://a.example/x*', 'https://a.example/x'],
  ['~~https://a.example/x~~', 'https://a.example/x'],
  ['"https://a.example/x"', 'https://a.example/x'],
  ["'https://a.example/x','y'", 'https://a.example/x'],
  ["https://a.example/it's", "https://a.example/it's"],
  ['<https://a.example/x>', 'https://a.example/x'],
  ['https://a.example/x<br>', 'https://a.example/x'],
  ['https://a.example/{id}', 'https://a.example/{id}', 'https://a.example/%7Bid%7D'],
  // Brackets.
  ['(https://a.example/b_(c)).', 'https://a.example/b_(c)'],
  ['https://a.example/b_(c)_d', 'https://a.example/b_(c)_d'],
  ['[x](https://a.example/x)', 'https://a.example/x'],
  ['(see https://a.example/x), ok', 'https://a.example/x'],
  ['(see https://a.example)', 'https://a.example', 'https://a.example/'],
  ['[https://a.example/x[1]]', 'https://a.example/x[1]'],
  ['(https://a.example/x)y', 'https://a.example/x'],
  ['https://a.example/x)y'],
  ['https://a.example/x (y)', 'https://a.example/x'],
  // Chinese, Japanese, and what follows in them.
  ['看https://a.example，然后', 'https://a.example', 'https://a.example/'],
  ['https://a.example。', 'https://a.example', 'https://a.example/'],
  ['https://a.example/路径，然后', 'https://a.example/路径', 'https://a.example/%E8%B7%AF%E5%BE%84'],
  ['https://a.example/路径。然后', 'https://a.example/路径', 'https://a.example/%E8%B7%AF%E5%BE%84'],
  ['https://a.example/x、https://b.example/y', 'https://a.example/x', 'https://a.example/x'],
  ['（https://a.example/x）', 'https://a.example/x'],
  ['「https://a.example/x」', 'https://a.example/x'],
  ['https://a.example/x（官网）', 'https://a.example/x'],
  ['https://a.example/ジョン・スミス', 'https://a.example/ジョン・スミス', 'https://a.example/%E3%82%B8%E3%83%A7%E3%83%B3%E3%83%BB%E3%82%B9%E3%83%9F%E3%82%B9'],
  ['https://a.example/L’Étranger', 'https://a.example/L’Étranger', 'https://a.example/L%E2%80%99%C3%89tranger'],
  ['“https://a.example/x”', 'https://a.example/x'],
  ['https://a.example/x… and', 'https://a.example/x'],
  ['https://a.example/👩‍💻', 'https://a.example/👩‍💻', 'https://a.example/%F0%9F%91%A9%E2%80%8D%F0%9F%92%BB'],
  ['https://chat.example/r/花园', 'https://chat.example/r/花园', 'https://chat.example/r/%E8%8A%B1%E5%9B%AD'],
  ['https://a.example/x\u3000后', 'https://a.example/x'],
];

test('a link is what its reader takes for one and leads there; in doubt there is none', () => {
  assert(LINKS.length >= 60);
  for (const [text, link, href = link] of LINKS) {
    const [first] = linksOf(text);
    assert.deepEqual(first, link === undefined ? undefined : [link, href], JSON.stringify(text));
  }
});

test('what is no link is passed over as a whole', () => {
  assert.deepEqual(linksOf('https://paypal.com@https://evil.example/ https://b.example/'), [['https://b.example/', 'https://b.example/']]);
  assert.deepEqual(linksOf('https://a.example/x,https://b.example/y').map(([text]) => text), ['https://a.example/x,https://b.example/y']);
});

/** The least processor time of several runs in µs: a busy machine counts little. */
function least(work) {
  let most = Infinity;
  for (let turn = 0; turn < 7; turn += 1) {
    const began = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(began);
    most = Math.min(most, user + system);
  }
  return most;
}

test('reading a text and finding its links takes time in proportion to its length', () => {
  const pumps = [' ', ' \n', '\r', '\u000b ', 'https://', 'https://a', 'https://a/', 'https://a@', 'https://a.example/(', ')', '.', ':', "'", '\u202e', 'https://[', 'a.', 'ä.', '，', '\u200d', '\ufe0f', '😀\ufe0f', '\ufe0f\u200d', '🏴\u{e0030}', 'ש\u200c', '\u1820\u180b'];
  for (const pump of pumps) {
    for (const begin of ['x', 'https://a.example/', 'https://a']) {
      const textOf = (length) => begin + pump.repeat(length / pump.length) + 'x';
      const [short, long] = [4_096, 8 * 4_096].map(textOf).map((text) => least(() => {
        linksOf(text);
        readText(text);
        bytesOf(text);
        isVisible(text);
      }));
      // Eight times the length is 64 times the work where it is quadratic.
      assert(long < 32 * (short + 500), `${JSON.stringify(begin + pump)}: ${short} µs, then ${long} µs`);
    }
  }
});

test('a text is cleaned of what the server refuses, and of nothing else', () => {
  assert.equal(cleanText('a\u000bb\u000cc\r\nd\re\u0085f'), 'a\nb\nc\nd\ne\nf');
  assert.equal(cleanText('\u0000a\u0007\u001b[1m\tb\u007f\u009f\n'), 'a[1m\tb\n');
  for (const kept of ['\u00a0\u200b\u200d\ufeff', 'e\u0301', '👩‍💻', '\u202e', '\u2028']) assert.equal(cleanText(kept), kept);
  assert.equal(readText('a \u000b\u0001 '), 'a');
  assert.equal(readText('a\ud800b'), 'a\ufffdb');
  assert.equal(readText(' \n'), '');
});
