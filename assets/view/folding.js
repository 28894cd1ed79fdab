// Folds messages that are taller than two screens to a part of one, with a button that
// shows the rest. Screen readers read the whole text either way.

import { byId, button } from './dom.js';
import { translate } from '../words/language.js';

/** A shorter text fits into two screens of any usual size, so it is not measured. */
const [MIN_LENGTH, MIN_LINES] = [600, 24];
const SCREENS = 2;

/** Rows that are not yet measured. @type {Set<HTMLLIElement>} */
const pending = new Set();
/** The messages that the reader has opened. @type {Set<string>} */
const opened = new Set();

/** Whether a text may be too tall. @param {string} text */
export const mayFold = (text) => text.length >= MIN_LENGTH || text.split('\n', MIN_LINES).length >= MIN_LINES;

/** The row is folded by `foldTall`, if it is too tall. @param {HTMLLIElement} row */
export const foldLater = (row) => pending.add(row);

/** To be called when new rows are in the document, before the scroll position is restored. */
export function foldTall() {
  if (pending.size === 0) return;
  const most = SCREENS * byId('scroller').clientHeight;
  // All are measured before the first one changes.
  const tall = [...pending].filter((row) => row.isConnected && row.offsetHeight > most && !opened.has(row.id));
  pending.clear();
  tall.forEach(fold);
}

/** @param {HTMLLIElement} row */
function fold(row) {
  const text = /** @type {HTMLElement} */ (row.querySelector('.text'));
  const opener = button('quiet show-all', translate('showAll'), () => unfold(row, true));
  opener.ariaExpanded = 'false';
  text.after(opener);
  row.classList.add('folded');
  // The browser scrolls to a link that has the focus, and to what it finds.
  text.addEventListener('scroll', () => unfold(row));
}

/** Shows all of a message. @param {HTMLElement} row @param {boolean} [takesFocus] */
export function unfold(row, takesFocus = false) {
  if (!row.classList.contains('folded')) return;
  // A message that waits to be sent has no id yet.
  if (row.id) opened.add(row.id);
  row.classList.remove('folded');
  row.querySelector('.show-all')?.remove();
  const text = /** @type {HTMLElement} */ (row.querySelector('.text'));
  text.scrollTop = 0;
  // The text is below the visible part now: the view stays here when a message arrives.
  byId('scroller').scrollTop += 2;
  if (!takesFocus) return;
  text.tabIndex = -1;
  text.focus({ preventScroll: true });
}
