// The choice of an emoji: the recent ones first, and a search by names in English
// and Chinese.

import { button, make } from '../view/dom.js';
import { EMOJI } from './emoji_table.js';
import { memory } from '../state/memory.js';
import { more } from '../words/more_words.js';

/** The recent emoji, which are one row of the grid. */
const COLUMNS = 6;

/** @returns {string[]} six of them */
export function recentEmoji() {
  const stored = memory.get('emoji', /** @type {string[]} */ ([])).filter((emoji) => EMOJI.some(([known]) => known === emoji));
  return [...new Set([...stored, ...EMOJI.slice(0, COLUMNS).map(([emoji]) => emoji)])].slice(0, COLUMNS);
}

/** A recent one keeps its place. @param {string} emoji */
export function useEmoji(emoji) {
  const recent = recentEmoji();
  if (!recent.includes(emoji)) memory.set('emoji', [emoji, ...recent].slice(0, COLUMNS));
}

/** @param {string} emoji */
const namesOf = (emoji) => EMOJI.find(([known]) => known === emoji);

/** @param {string} emoji @param {(emoji: string) => void} picked */
export function emojiButton(emoji, picked) {
  const [, english = '', chinese = ''] = namesOf(emoji) ?? [];
  const choice = button('pick', emoji, () => picked(emoji));
  choice.title = more('emojiNames', { english, chinese });
  choice.ariaLabel = `${emoji} ${choice.title}`;
  return choice;
}

/** @param {string} wanted */
function matching(wanted) {
  const words = wanted.normalize('NFC').toLowerCase().split(/[\s:_]+/).filter(Boolean);
  if (words.length === 0) return [...new Set([...recentEmoji(), ...EMOJI.map(([emoji]) => emoji)])];
  return EMOJI.filter(([emoji, english, chinese]) => words.every((word) =>
    emoji === word || ` ${english}`.includes(` ${word}`) || chinese.includes(word))).map(([emoji]) => emoji);
}

/** @param {(emoji: string) => void} picked */
export function pickerFor(picked) {
  const field = make('input');
  field.type = 'search';
  field.autocomplete = 'off';
  field.placeholder = field.ariaLabel = more('searchEmoji');
  const grid = make('div', 'grid');
  grid.role = 'group';
  grid.ariaLabel = more('emoji');
  const none = make('p', 'note');
  none.role = 'status';
  const show = () => {
    const found = matching(field.value);
    grid.replaceChildren(...found.map((emoji, at) => {
      const choice = emojiButton(emoji, picked);
      choice.tabIndex = at === 0 ? 0 : -1;
      return choice;
    }));
    none.textContent = found.length > 0 ? '' : more('noEmoji');
  };
  field.addEventListener('input', show);
  field.addEventListener('keydown', (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    const [first] = /** @type {Iterable<HTMLElement>} */ (grid.children);
    if (event.key === 'Enter' && field.value) first?.click();
    else if (event.key === 'ArrowDown') first?.focus();
    else return;
    event.preventDefault();
  });
  grid.addEventListener('keydown', (event) => moveIn(grid, field, event));
  show();
  return { field, content: make('div', 'picker', field, grid, none) };
}

/** Arrows between the emoji. @param {HTMLElement} grid @param {HTMLElement} field @param {KeyboardEvent} event */
function moveIn(grid, field, event) {
  const all = /** @type {HTMLElement[]} */ ([...grid.children]);
  const at = all.findIndex((choice) => choice === document.activeElement);
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowUp: at - COLUMNS, ArrowDown: at + COLUMNS, Home: 0, End: all.length - 1 }[event.key];
  if (at < 0 || to === undefined) return;
  event.preventDefault();
  const next = to < 0 && event.key === 'ArrowUp' ? field : all[to];
  if (!next) return;
  if (next !== field) all.forEach((choice) => { choice.tabIndex = choice === next ? 0 : -1; });
  next.focus();
}
