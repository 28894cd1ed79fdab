// The language of the page: texts (from words.js), numbers and dates.

import { memory } from './memory.js';
import { en, zh } from './words.js';

/** @typedef {keyof typeof en} Word */

const words = { en, 'zh-CN': zh };

/** @typedef {keyof typeof words} Language */

/** @returns {Language} as set by early.js */
export const language = () => (document.documentElement.lang in words ? /** @type {Language} */ (document.documentElement.lang) : 'en');

/** @type {Map<string, Intl.DateTimeFormat>} */
const formats = new Map();

/** @param {Date} date @param {Intl.DateTimeFormatOptions} options */
export function formatDate(date, options) {
  const key = language() + JSON.stringify(options);
  let format = formats.get(key);
  if (!format) formats.set(key, format = new Intl.DateTimeFormat(language(), options));
  return format.format(date);
}

/**
 * A text in the language of the page. Placeholders such as `{n}` are filled in;
 * of a text with plural forms, `n` selects one.
 * @param {Word} word @param {Record<string, string | number>} [parts]
 */
export function translate(word, parts = {}) {
  const text = words[language()][word];
  const form = typeof text === 'string' ? text
    : new Intl.PluralRules(language()).select(Number(parts.n)) === 'one' ? text.one : text.other;
  return form.replace(/\{(\w+)\}/g, (_, part) => {
    const value = parts[part] ?? '';
    return typeof value === 'number' ? value.toLocaleString(language()) : value;
  });
}

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
export function setLanguage(chosen) {
  document.documentElement.lang = chosen;
  memory.set('language', chosen);
  fillWords(document);
}
