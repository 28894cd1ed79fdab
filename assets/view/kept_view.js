// Stored messages as rows of the log, with the time up to which they are known.

import { formatDate, language, translate } from '../words/language.js';
import { make } from './dom.js';
import { rowsOf } from './rows.js';

/** @typedef {import('./rows.js').Row} Row */

/** @param {import('../state/kept.js').Kept} kept @param {import('./rows.js').Viewer} viewer @returns {Row[]} */
export function keptRows({ at, messages }, viewer) {
  const items = messages.map((message) => ({ kind: /** @type {const} */ ('message'), message }));
  const rows = rowsOf(items, { ...viewer, mayWrite: false, unreadAfter: null, isWhole: false });
  return [...rows, { key: 'as-of', look: `${at} ${language()}`, make: () => make('li', 'as-of', make('span', '', asOf(new Date(at)))) }];
}

/** @param {Date} date */
function asOf(date) {
  const isToday = date.toDateString() === new Date().toDateString();
  return translate('asOf', { when: formatDate(date, isToday ? { timeStyle: 'short' } : { dateStyle: 'medium', timeStyle: 'short' }) });
}
