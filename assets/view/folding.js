// Folds messages that are taller than two screens to a part of one, with a button that
// shows the rest. Screen readers read the whole text either way.

import { byId, button } from './dom.js';
import { translate } from '../words/language.js';

/** A shorter text fits into two screens of any usual size, so it is not measured. */
const [MIN_LENGTH, MIN_LINES] = [600, 24];
const SCREENS = 2;

/** New rows, not yet measured. @type {Set<HTMLLIElement>} */
const pending = new Set();
/** Rows that were not too tall when they were measured last. @type {Set<HTMLLIElement>} */
const measured = new Set();
/** The messages that the reader has opened. @type {Set<string>} */
const opened = new Set();
/** The height of the page may change. @type {ResizeObserver | null} */
let observer = null;

/** Whether a text may be too tall. @param {string} text */
export const mayFold = (text) => text.length >= MIN_LENGTH || text.split('\n', MIN_LINES).length >= MIN_LINES;

/** The row is folded by `foldTall`, if it is too tall. @param {HTMLLIElement} row */
export const foldLater = (row) => pending.add(row);

/** To be called when new rows are in the document, before the scroll position is restored. */
export function foldTall() {
  if (pending.size === 0) return;
  if (!observer) (observer = new ResizeObserver(resized)).observe(byId('scroller'));
  const rows = [...pending];
  pending.clear();
  foldThose(rows);
}

/** Folds rows where that does not move what the reader sees: at the end of the log, or below its upper edge. */
function resized() {
  const scroller = byId('scroller');
  const isAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 2;
  const edge = scroller.getBoundingClientRect().top;
  foldThose([...measured].filter((row) => !row.isConnected || isAtEnd || row.getBoundingClientRect().top >= edge));
}

/** All are measured before the first one changes. @param {HTMLLIElement[]} rows */
function foldThose(rows) {
  const most = SCREENS * byId('scroller').clientHeight;
  const isTall = (/** @type {HTMLLIElement} */ row) => row.offsetHeight > most && !opened.has(row.id);
  const tall = new Set(rows.filter((row) => row.isConnected && isTall(row)));
  for (const row of rows) {
    if (row.isConnected && !tall.has(row)) measured.add(row);
    else measured.delete(row);
  }
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

/** Shows all of a message, if it is folded. @param {HTMLElement} row @param {boolean} [takesFocus] */
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
