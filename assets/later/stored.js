// Stored messages as rows of the log, with the time up to which they are known.

import { formatDate, language } from '../words/language.js';
import { more } from '../words/more_words.js';
import { kept } from './kept.js';
import { make } from '../view/dom.js';
import { rowsOf } from '../view/rows.js';

/** @typedef {import('../view/rows.js').Row} Row */
/** @typedef {import('../view/rows.js').Viewer} Viewer */
/** @typedef {(viewer: Viewer) => Row[]} StoredRows */

/** What is stored of a room as rows; null if there is nothing. @param {string} room @returns {StoredRows | null} */
export function storedRows(room) {
  const stored = kept.get(room);
  return stored && ((viewer) => rowsFrom(stored, viewer));
}

/** @param {import('./kept.js').Kept} stored @param {Viewer} viewer @returns {Row[]} */
function rowsFrom({ at, messages }, viewer) {
  const items = messages.map((message) => ({ kind: /** @type {const} */ ('message'), message }));
  const rows = rowsOf(items, { ...viewer, mayWrite: false, unreadAfter: null, isWhole: false });
  return [...rows, { key: 'as-of', look: `${at} ${language()}`, make: () => make('li', 'as-of', make('span', '', asOf(new Date(at)))) }];
}

/** @param {Date} date */
function asOf(date) {
  const isToday = date.toDateString() === new Date().toDateString();
  return more('asOf', { when: formatDate(date, isToday ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' }) });
}
