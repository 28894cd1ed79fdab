// Renders a message as nodes: code, links, bold, emphasis, mentions. Everything
// else is a text node; no HTML is parsed. links.js finds the links.

import { button, copy, make } from './dom.js';
import { translate } from '../words/language.js';
import { linkAt } from './links.js';

/** Unambiguous, so that matching is linear: white space before a word, or around none. */
const FENCE = /```[^\S\n]*(?:([\w+#-]+)[^\S\n]*)?\n([\s\S]*?)\n?```/g;

/** In this order: code, the scheme of a link, bold, emphasis, the at sign of a mention. */
const INLINE = /`([^\x60\n]+)`|(?<![A-Za-z0-9_+])(https?:\/\/)|\*\*(?=\S)([^*\n]+)(?<=\S)\*\*|(?<![\p{L}\p{N}_])_(?=[^\s_])([^_\n]+)(?<=\S)_(?![\p{L}\p{N}_])|(@)/giu;

/** The most at signs that are checked per text. */
const MAX_NAMED = 50;
/** A name of 32 characters, each with the marks that the server allows, decomposed. */
const MAX_WRITTEN = 320;
/** A letter of a script that separates words. */
const BEGINS = /^(?![\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Hang}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmr}\p{sc=Mymr}])[\p{L}\p{M}\p{N}_]/u;
const ENDS = /(?![\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Hang}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmr}\p{sc=Mymr}])[\p{L}\p{M}\p{N}_]$/u;

/** A text of more UTF-16 units is not taken for emoji alone: six of the longest have fewer. */
const MAX_EMOJI_UNITS = 150;
const MAX_EMOJI = 6;
const EMOJI = /^(?:\p{Emoji_Presentation}|\p{Extended_Pictographic}(?:\ufe0f|\p{Emoji_Modifier})|\p{Emoji}\ufe0f?\u20e3)/u;
const graphemes = new Intl.Segmenter();

/** A script without italics. */
const UPRIGHT = /[\p{sc=Han}\p{sc=Hira}\p{sc=Kana}\p{sc=Hang}]/u;
/** A longer address is shortened to its first and last characters. */
const [MAX_ADDRESS, MIN_HEAD, TAIL] = [64, 40, 16];

/** @typedef {{names: Iterable<string>, me: string}} MentionContext whose names may be mentioned */

/** @param {string} text @param {MentionContext} people */
export function render(text, people) {
  const nodes = new DocumentFragment();
  // Longest first: @Anna does not mention Ann.
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

/** Whether a text is one to six emoji and nothing else. @param {string} text */
export function isEmojiOnly(text) {
  if (text.length > MAX_EMOJI_UNITS) return false;
  const parts = [...graphemes.segment(text.replace(/\s/g, ''))];
  return parts.length > 0 && parts.length <= MAX_EMOJI && parts.every(({ segment }) => EMOJI.test(segment));
}

/** @param {string} code @param {string} kind */
function fenced(code, kind) {
  const done = button('copy', translate('copyCode'), async () => {
    if (await copy(code)) done.textContent = translate('copied');
  });
  const body = make('pre', '', make('code', '', code));
  // It scrolls horizontally, so it must be reachable by keyboard.
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
  INLINE.lastIndex = 0;
  for (let match; (match = INLINE.exec(text));) {
    const [whole, code, scheme, bold, emphasis] = match;
    let end = match.index + whole.length;
    /** @type {Node | string | undefined} */
    let node;
    if (code !== undefined) node = make('code', '', code);
    else if (scheme !== undefined) {
      const found = linkAt(text, match.index);
      end = found.end;
      node = found.url ? linkTo(text.slice(match.index, end), found.url) : text.slice(match.index, end);
    } else if (bold !== undefined) node = marked('strong', bold, names, me);
    else if (emphasis !== undefined) node = marked('em', emphasis, names, me);
    else if ((named += 1) <= MAX_NAMED) {
      const found = nameAt(text, end, names);
      if (found) {
        end += found.length;
        node = make('span', found.name === me ? 'mention me' : 'mention', text.slice(match.index, end));
      }
    }
    INLINE.lastIndex = end;
    if (!node) continue;
    flush(match.index);
    parent.append(node);
    from = end;
  }
  flush(text.length);
}

/** @param {'strong' | 'em'} tag @param {string} text @param {string[]} names @param {string} me */
function marked(tag, text, names, me) {
  const node = make(tag);
  if (tag === 'em' && UPRIGHT.test(text)) node.className = 'dots';
  inline(node, text, names, me);
  return node;
}

/** @param {string} address as written @param {URL} url */
function linkTo(address, url) {
  const link = make('a', '', ...shortened(address));
  link.href = url.href;
  // Shows an international host name also in its ASCII form.
  if (link.childElementCount > 0 || !address.toLowerCase().includes(url.hostname)) link.title = url.href;
  link.target = '_blank';
  link.rel = 'noopener noreferrer nofollow ugc';
  return link;
}

/**
 * A long address, whose middle the style sheet shows as an ellipsis. The host is
 * always shown. The whole address is selected, copied, found and read aloud.
 * @param {string} address @returns {(string | Node)[]}
 */
function shortened(address) {
  const host = address.slice(8).search(/[/?#]/);
  const head = Math.max(MIN_HEAD, 8 + host + 1);
  if (address.length <= MAX_ADDRESS || host < 0 || head + TAIL >= address.length) return [address];
  // No character is cut in two.
  const [from, to] = [head, address.length - TAIL].map((at) => (/[\udc00-\udfff]/.test(address[at] ?? '') ? at + 1 : at));
  return [address.slice(0, from), make('span', 'cut', address.slice(from, to)), address.slice(to)];
}

/**
 * The name at `at`, in any normalization form. In scripts that do not separate
 * words no word boundary is required.
 * @param {string} text @param {number} at @param {string[]} names
 * @returns {{name: string, length: number} | undefined} `length`: as written
 */
function nameAt(text, at, names) {
  if (/[A-Za-z0-9_.]/.test(text[at - 2] ?? '')) return undefined;
  const rest = text.slice(at, at + MAX_WRITTEN);
  const composed = rest.normalize('NFC').toLowerCase();
  for (const name of names) {
    if (!composed.startsWith(name.toLowerCase())) continue;
    const length = lengthOf(rest, name);
    if (length > 0 && !(ENDS.test(name) && BEGINS.test(rest.slice(length, length + 2)))) return { name, length };
  }
  return undefined;
}

/** The length of a name at the start of a text, as written; 0 if it is not there. @param {string} text @param {string} name */
function lengthOf(text, name) {
  const wanted = name.toLowerCase();
  const most = Math.min(text.length, name.normalize('NFD').length);
  for (let length = name.length; length <= most; length += 1) {
    if (text.slice(0, length).normalize('NFC').toLowerCase() === wanted) return length;
  }
  return 0;
}

/** Whether a text mentions `name`, and not a longer one of the others. @param {string} text @param {string} name @param {string[]} others */
export function mentions(text, name, others) {
  let at = name ? text.indexOf('@') : -1;
  if (at < 0) return false;
  const names = [...others.filter((other) => other.length > name.length && other.startsWith(name)), name];
  for (let named = 0; at >= 0 && named < MAX_NAMED; named += 1) {
    if (nameAt(text, at + 1, names)?.name === name) return true;
    at = text.indexOf('@', at + 1);
  }
  return false;
}
