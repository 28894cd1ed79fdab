// What somebody wrote, as nodes: code, links, bold, emphasis, names. Everything
// else is text. There is no way from here to markup.

import { button, copy, make } from './dom.js';
import { say } from './language.js';

const FENCE = /```[^\S\n]*([\w+#-]*)[^\S\n]*\n([\s\S]*?)\n?```/g;

/**
 * In their order: code, a link, bold, emphasis, the at sign of a name.
 * A bare link ends at its last ASCII character: what follows in Chinese is the
 * sentence, not the address.
 */
const INLINE = new RegExp([
  /`([^\x60\n]+)`/,
  /(?<![A-Za-z0-9_])(https?:\/\/[!#-;=?-_a-z~]+)/,
  /\*\*(?=\S)([^*\n]+?)(?<=\S)\*\*/,
  /(?<![\p{L}\p{N}_])_(?=[^\s_])([^_\n]+?)(?<=\S)_(?![\p{L}\p{N}_])/u,
  /(@)/,
].map(({ source }) => source).join('|'), 'giu');

/** So many at signs of a text are looked at: more are no names. */
const MAX_NAMED = 50;
/** A letter of a script that puts something between its words. */
const LETTER = String.raw`(?![\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Hang}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmr}\p{sc=Mymr}])[\p{L}\p{M}\p{N}_]`;
const [BEGINS, ENDS] = [new RegExp(`^${LETTER}`, 'u'), new RegExp(`${LETTER}$`, 'u')];

/** @typedef {{names: Iterable<string>, me: string}} People whose names may be meant */

/** @param {string} text @param {People} people */
export function render(text, people) {
  const nodes = new DocumentFragment();
  // Longest first: Ann is not meant by @Anna.
  const names = [...new Set([people.me, ...people.names])].filter(Boolean).sort((a, b) => b.length - a.length);
  let from = 0;
  for (const match of text.matchAll(FENCE)) {
    inline(nodes, text.slice(from, match.index).replace(/\n$/, ''), names, people.me);
    nodes.append(fenced(match[2] ?? '', match[1] ?? ''));
    from = match.index + match[0].length;
    if (text[from] === '\n') from += 1;
  }
  inline(nodes, text.slice(from), names, people.me);
  return nodes;
}

/** @param {string} code @param {string} kind */
function fenced(code, kind) {
  const done = button('copy', say('copyCode'), async () => {
    if (await copy(code)) done.textContent = say('copied');
  });
  const body = make('pre', '', make('code', '', code));
  // It scrolls sideways, so a keyboard must reach it.
  body.tabIndex = 0;
  body.setAttribute('aria-label', kind || 'code');
  body.role = 'group';
  body.dir = 'ltr';
  body.translate = false;
  return make('div', 'code', make('p', 'kind', kind), done, body);
}

/** @param {ParentNode} parent @param {string} text @param {string[]} names @param {string} me */
function inline(parent, text, names, me) {
  let [from, named] = [0, 0];
  const flush = (/** @type {number} */ to) => {
    if (to > from) parent.append(text.slice(from, to));
  };
  for (const match of text.matchAll(INLINE)) {
    if (match.index < from) continue;
    const [, code, url, bold, emphasis] = match;
    let node;
    let taken = match[0].length;
    if (code !== undefined) node = make('code', '', code);
    else if (url !== undefined) {
      const address = trimUrl(url);
      node = linkTo(address);
      taken = address.length;
    } else if (bold !== undefined) inline(node = make('strong'), bold, names, me);
    else if (emphasis !== undefined) inline(node = make('em'), emphasis, names, me);
    else if ((named += 1) <= MAX_NAMED) {
      const name = nameAt(text, match.index + 1, names);
      if (name) {
        node = make('span', name === me ? 'mention me' : 'mention', text.slice(match.index, match.index + 1 + name.length));
        taken = 1 + name.length;
      }
    }
    if (!node) continue;
    flush(match.index);
    parent.append(node);
    from = match.index + taken;
  }
  flush(text.length);
}

/** Leaves to the sentence what is the sentence's: a point, a bracket that was opened before. @param {string} url */
function trimUrl(url) {
  /** @param {string} char */
  const count = (char) => url.split(char).length;
  // How many were closed and not opened; counted once, since somebody may write thousands.
  /** @type {Record<string, number>} */
  const over = { ')': count(')') - count('('), ']': count(']') - count('[') };
  for (let end = url.length; ; end -= 1) {
    const last = url[end - 1] ?? '';
    const unopened = over[last] ?? 0;
    if (unopened > 0) over[last] = unopened - 1;
    else if (!/[.,;:!?'*_~]/.test(last)) return url.slice(0, end);
  }
}

/** @param {string} address */
function linkTo(address) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return null;
  }
  if (!/^https?:$/.test(url.protocol)) return null;
  const link = make('a', '', address);
  link.href = url.href;
  link.target = '_blank';
  link.rel = 'noopener noreferrer nofollow ugc';
  return link;
}

/**
 * Which of the names stands at `at`; no word border is asked of scripts that have none.
 * @param {string} text @param {number} at @param {string[]} names
 */
function nameAt(text, at, names) {
  const before = text[at - 2] ?? '';
  if (/[A-Za-z0-9_.]/.test(before)) return undefined;
  const first = text[at]?.toLowerCase();
  return names.find((name) => name[0]?.toLowerCase() === first
    && text.slice(at, at + name.length).toLowerCase() === name.toLowerCase()
    && !(ENDS.test(name) && BEGINS.test(text.slice(at + name.length, at + name.length + 2))));
}

/** Whether a text means `name`, and not a longer one of the others. @param {string} text @param {string} name @param {string[]} others */
export function mentions(text, name, others) {
  let at = name ? text.indexOf('@') : -1;
  if (at < 0) return false;
  const names = [...others.filter((other) => other.length > name.length && other.startsWith(name)), name];
  for (let named = 0; at >= 0 && named < MAX_NAMED; named += 1) {
    if (nameAt(text, at + 1, names) === name) return true;
    at = text.indexOf('@', at + 1);
  }
  return false;
}
