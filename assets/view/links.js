// Finds web addresses in a text: which characters belong to an address, and
// whether the browser would open what the reader expects. In doubt there is no
// link. text.js makes the nodes.
//
// An address is a link only where GitHub Flavored Markdown and linkify-it agree.
// The host is parsed as the URL standard does.

/** @typedef {{end: number, url: URL | null}} Found `end`: where to continue; `url`: null if this part is no link */

/** The longest host name that DNS can hold. */
const MAX_HOST = 253;
const MAX_LABEL = 63;

const HOST_CHAR = /[\p{L}\p{M}\p{N}_-]/u;
/** Always ends an address. Fullwidth bars separate, as in linkify-it. */
const STOP = /[\s<>"\x60\uff5c]/u;
/** Punctuation beyond ASCII ends an address, except marks inside words and titles. */
const FOREIGN_STOP = /(?![\p{Pd}\p{Pc}\u00b7\u30fb])[^\x00-\x7f]/u;
const PUNCTUATION = /\p{P}/u;
/** Invisible, reorders the text, or changed by the URL parser. */
const HIDDEN = /(?![\u200c\u200d\ufe0f])[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Default_Ignorable_Code_Point}\\]/u;
/** At the end, part of the sentence. */
const TRAILING = /[.,;:!?'*([{]/;
/** May follow a host name in a sentence. */
const AFTER_HOST = /[.,;:!?'*)\]}~_]/;
/** Continues what looks like the same address. */
const GOES_ON = /[A-Za-z0-9/_&=#%?-]/;
/** @type {Record<string, string>} */
const OPENERS = { ')': '(', ']': '[', '}': '{' };

const LATIN = /\p{sc=Latin}/u;
const NOT_LATIN = /(?![\p{sc=Latin}\p{sc=Common}\p{sc=Inherited}])[\p{L}\p{M}\p{N}]/u;
const [GREEK, CYRILLIC] = [/\p{sc=Greek}/u, /\p{sc=Cyrillic}/u];
/** Cyrillic letters that look like Latin ones. A label of only these is a lookalike. */
const LIKE_LATIN = /^[аԁсеԍһіјӏорԛѕԝхуъьҽпгѵѡ0-9-]+$/iu;

/** @param {string} text @param {number} at */
const charAt = (text, at) => String.fromCodePoint(text.codePointAt(at) ?? 0x20);

/** @param {string} char */
const isForeignStop = (char) => FOREIGN_STOP.test(char) && PUNCTUATION.test(char);

/**
 * The address that begins at `at` with its scheme. Reads each character once, so
 * text that is no link is skipped as a whole.
 * @param {string} text @param {number} at @returns {Found}
 */
export function linkAt(text, at) {
  const from = text.indexOf('//', at) + 2;
  const host = hostAt(text, from);
  let end = portEnd(text, from + host.length);
  let isSure = host !== '';
  if (!'/?#'.includes(charAt(text, end))) isSure &&= isOver(text, end);
  else [end, isSure] = pathEnd(text, at, end);
  const url = isSure ? parse(text.slice(at, end), host) : null;
  return url ? { end, url } : { end: stretchEnd(text, end), url: null };
}

/** @param {string} text @param {number} from */
function hostAt(text, from) {
  if (text[from] === '[') {
    const close = text.slice(from, from + MAX_HOST).indexOf(']');
    return text.slice(from, from + close + 1);
  }
  let end = from;
  while (end - from <= MAX_HOST) {
    const char = charAt(text, end);
    // A dot belongs to the name only if the name continues after it.
    const isPart = char === '.' ? end > from && HOST_CHAR.test(charAt(text, end + 1)) : HOST_CHAR.test(char);
    if (!isPart) break;
    end += char.length;
  }
  return text.slice(from, end);
}

/** @param {string} text @param {number} at after a host */
function portEnd(text, at) {
  if (text[at] !== ':') return at;
  let end = at + 1;
  while (end - at <= 5 && /[0-9]/.test(text[end] ?? '')) end += 1;
  return end > at + 1 ? end : at;
}

/** Whether an address without a path ends at `end` and is not continued. @param {string} text @param {number} end */
function isOver(text, end) {
  let at = end;
  while (AFTER_HOST.test(text[at] ?? '')) at += 1;
  const char = charAt(text, at);
  return STOP.test(char) || isForeignStop(char);
}

/** @param {string} text @param {number} at of the address @param {number} from of its path @returns {[number, boolean]} its end, and whether that is certain */
function pathEnd(text, at, from) {
  const before = text[at - 1] ?? '';
  /** @type {Record<string, number>} */
  const open = { '(': 0, '[': 0, '{': 0 };
  let end = from;
  let isSure = true;
  for (let char; end < text.length && !STOP.test(char = charAt(text, end)); end += char.length) {
    const opener = OPENERS[char];
    if (char in open) open[char] = (open[char] ?? 0) + 1;
    else if (opener && open[opener]) open[opener] = (open[opener] ?? 0) - 1;
    else if (opener) {
      isSure &&= before === opener || !GOES_ON.test(text[end + 1] ?? '');
      break;
    } else if (char === "'" && before === "'") break;
    else if (isForeignStop(char) && !isApostrophe(text, end)) break;
    else if (HIDDEN.test(char)) isSure = false;
  }
  while (end > from && (TRAILING.test(text[end - 1] ?? '') || before === '~' && text[end - 1] === '~')) end -= 1;
  return [end, isSure];
}

/** @param {string} text @param {number} at */
const isApostrophe = (text, at) => text[at] === '\u2019' && /\p{L}/u.test(charAt(text, at + 1));

/** The end of a part that stays text. @param {string} text @param {number} at */
function stretchEnd(text, at) {
  let end = at;
  while (end < text.length) {
    const char = charAt(text, end);
    if (STOP.test(char) || isForeignStop(char)) break;
    end += char.length;
  }
  return end;
}

/** @param {string} address @param {string} host as written */
function parse(address, host) {
  try {
    const url = new URL(address);
    return isWritten(host, url.hostname) && !url.username && !url.password ? url : null;
  } catch {
    return null;
  }
}

/** Whether a host name is the one that the browser opens, and no lookalike. @param {string} host @param {string} parsed */
function isWritten(host, parsed) {
  if (host.startsWith('[')) return host.toLowerCase() === parsed;
  if (host.normalize('NFKC') !== host.normalize('NFC')) return false;
  const [labels, known] = [host.split('.'), parsed.split('.')];
  if (labels.length !== known.length || labels.length === 1 && parsed !== host.toLowerCase()) return false;
  // GitHub's rule: no underscore in the last two labels.
  if (labels.slice(-2).some((label) => label.includes('_'))) return false;
  return labels.every((label, at) => isLabel(label) && (label.toLowerCase() === known[at] || known[at]?.startsWith('xn--') && !isAscii(label)));
}

/** @param {string} label */
const isAscii = (label) => !/[^\x00-\x7f]/.test(label);

/** @param {string} label */
const isLabel = (label) => label.length <= MAX_LABEL && !label.startsWith('-') && !label.endsWith('-')
  && !(LATIN.test(label) && NOT_LATIN.test(label))
  && !(GREEK.test(label) && CYRILLIC.test(label))
  && !(CYRILLIC.test(label) && LIKE_LATIN.test(label));
