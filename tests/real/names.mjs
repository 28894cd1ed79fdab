// The page and the server take the same names: the server's own table of cases
// (crates/client/src/protocol/visible/names.json), and what can be seen of a text, without a browser.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { isName, readName } from '../../assets/server/input.js';
import { isVisible } from '../../assets/server/visible.js';

/** @type {Record<'needed' | 'needless' | 'needless_to_the_server_alone', [string, string][]>} */
const names = JSON.parse(readFileSync(new URL('../../crates/client/src/protocol/visible/names.json', import.meta.url), 'utf8'));

test('a name keeps the invisible characters that its script or an emoji needs', () => {
  assert.ok(names.needed.length >= 30);
  for (const [name, why] of names.needed) assert.ok(isName(readName(name)), why);
});

test('a name with a needless invisible character is refused before it is sent', () => {
  assert.ok(names.needless.length >= 40);
  for (const [name, why] of names.needless) assert.ok(!isName(readName(`A${name}`)), why);
});

test('the server alone refuses a joiner between letters that do not join', () => {
  for (const [name, why] of names.needless_to_the_server_alone) assert.ok(isName(readName(name)), why);
});

test('a message of which nothing is visible is not sent', () => {
  for (const text of ['', ' \n', '\u3164', '\u2800\n\u2800', '\u200b\ufeff', '\xad', '\ufe0f', '\x7f\x85', '\ufffc']) {
    assert.ok(!isVisible(text), JSON.stringify(text));
  }
  for (const text of ['0', '\u200b.', 'a\xadb', '\u{1f44d}', '\u0301']) assert.ok(isVisible(text), JSON.stringify(text));
});
