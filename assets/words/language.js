// The language of the page: texts, numbers and dates.

import { memory } from '../state/memory.js';

/** @typedef {keyof typeof import('./words_en.js').words} Word */
/** @typedef {keyof typeof FILES} Language */
/** @typedef {string | {one: string, other: string}} Text */

/** The texts of each language. Only those of the page's language are loaded. */
const FILES = { en: () => import('./words_en.js'), 'zh-CN': () => import('./words_zh.js') };

/** @type {Record<Word, Text>} */
let words;

/** @returns {Language} as set by early.js */
export const language = () => (document.documentElement.lang in FILES ? /** @type {Language} */ (document.documentElement.lang) : 'en');

/** Loads the texts, before the first is used. @param {Language} [chosen] */
export async function loadWords(chosen = language()) {
  ({ words } = await FILES[chosen]());
}

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** The browser's tag of the page's language, or of its first language: its region sets the clock and the order of dates. */
function regional() {
  const [own] = language().split('-');
  const tags = [...navigator.languages, navigator.language].filter(isTag);
  return tags.find((tag) => tag.split('-')[0] === own) ?? tags[0] ?? language();
}

/** WebKitGTK has `c` as the language of a system without one. @param {string} tag */
function isTag(tag) {
  try {
    return Intl.getCanonicalLocales(tag).length > 0;
  } catch {
    return false;
  }
}

/** @param {Intl.DateTimeFormatOptions} options */
function formatOf(options) {
  const key = language() + JSON.stringify(options);
  let format = formats.get(key);
  if (!format) formats.set(key, format = newFormat(options));
  return format;
}

/** @param {Intl.DateTimeFormatOptions} options */
function newFormat(options) {
  const region = new Intl.Locale(regional()).maximize().region;
  const locale = language() === 'en' && region ? `en-${region}` : language();
  const { hourCycle } = new Intl.DateTimeFormat(regional(), { hour: 'numeric' }).resolvedOptions();
  // 9:05 AM, but 09:05.
  const hour = options.hour && hourCycle?.startsWith('h2') ? '2-digit' : options.hour;
  return new Intl.DateTimeFormat(locale, { hourCycle, ...options, ...hour && { hour } });
}

/** @param {Date} date @param {Intl.DateTimeFormatOptions} options */
export const formatDate = (date, options) => formatOf(options).format(date);

/** Hour and minute, of 12 or 24 hours as is usual in the region of the browser. @param {Date} date */
export const clockOf = (date) => formatOf({ hour: 'numeric', minute: '2-digit' }).formatToParts(date);

/**
 * Makes a function for texts in the language of the page. Placeholders such as
 * `{n}` are filled in; of a text with plural forms, `n` selects one.
 * @template {string} W
 * @param {() => Record<W, Text>} texts
 * @returns {(word: W, parts?: Record<string, string | number>) => string}
 */
const translator = (texts) => (word, parts = {}) => {
  const text = texts()[word];
  const form = typeof text === 'string' ? text
    : new Intl.PluralRules(language()).select(Number(parts.n)) === 'one' ? text.one : text.other;
  return form.replace(/\{(\w+)\}/g, (_, part) => {
    const value = parts[part] ?? '';
    return typeof value === 'number' ? value.toLocaleString(language()) : value;
  });
};

export const translate = translator(() => words);

/** The texts of what is loaded later. @template {string} W @param {Record<W, Text>} en @param {Record<W, Text>} zh */
export const translatorOf = (en, zh) => translator(() => (language() === 'zh-CN' ? zh : en));

/** A name within a text, isolated from the direction of the text around it. @param {string} name */
export const isolated = (name) => `\u2068${name}\u2069`;

/** Fills in the texts of the page: `data-word` is a text, `data-label` an accessible name. @param {ParentNode} root */
export function fillWords(root) {
  for (const element of root.querySelectorAll('[data-word]')) {
    element.textContent = translate(/** @type {Word} */ (/** @type {HTMLElement} */ (element).dataset.word));
  }
  for (const found of root.querySelectorAll('[data-label]')) {
    const element = /** @type {HTMLElement} */ (found);
    const label = translate(/** @type {Word} */ (element.dataset.label));
    element.setAttribute('aria-label', label);
    if (element.tagName === 'BUTTON') element.title = label;
  }
  for (const element of root.querySelectorAll('[data-placeholder]')) {
    /** @type {HTMLInputElement} */ (element).placeholder =
      translate(/** @type {Word} */ (/** @type {HTMLElement} */ (element).dataset.placeholder));
  }
}

/** @param {Language} chosen */
export async function setLanguage(chosen) {
  await loadWords(chosen);
  document.documentElement.lang = chosen;
  memory.set('language', chosen);
  fillWords(document);
}
