// The reactions of a message: buttons that add or take back one's own.

import { make } from './dom.js';
import { isolated, language, translate } from '../words/language.js';
import { reacted } from '../state/changes.js';

/**
 * @typedef {import('../server/protocol.js').Reaction} Reaction
 * @typedef {{id: string, reactions: Reaction[], waiting: string[], mayReact: boolean}} Marks of a message
 *   `waiting`: emoji that the server has not answered
 */

/** The most names in a presence line. */
const MAX_NAMES = 5;

/** Whether a reaction is an own one and whether it waits. @param {Marks} marks @param {Reaction} reaction */
export const markOf = ({ id, waiting }, { emoji }) => ({ isOwn: reacted.has(id, emoji), isWaiting: waiting.includes(emoji) });

/** Replaces the reactions of a row, which keeps the focus. @param {HTMLElement} row @param {Marks} marks */
export function reactionsOf(row, marks) {
  const old = row.querySelector('.reactions');
  const focused = old?.contains(document.activeElement) ? /** @type {HTMLElement} */ (document.activeElement).dataset.emoji : undefined;
  const list = marks.reactions.length > 0 ? listFor(marks) : null;
  if (list && old) old.replaceWith(list);
  else if (list) row.append(list);
  else old?.remove();
  if (focused === undefined) return;
  const chips = /** @type {HTMLElement[]} */ ([...row.querySelectorAll('.reactions button')]);
  (chips.find(({ dataset }) => dataset.emoji === focused) ?? /** @type {HTMLElement | null} */ (row.querySelector('.more')))?.focus({ preventScroll: true });
}

/** Not announced to screen readers, who find them below the message. @param {Marks} marks */
function listFor(marks) {
  const list = make('ul', 'reactions');
  list.ariaLabel = translate('reactions');
  list.ariaLive = 'off';
  list.append(...marks.reactions.map((reaction) => {
    const { emoji, count, names } = reaction;
    const by = count > names.length ? translate('andMore', { names: listOf(names, names.length), n: count - names.length }) : listOf(names, names.length);
    const { isOwn, isWaiting } = markOf(marks, reaction);
    const chip = make('button', isWaiting ? 'waiting' : '', `${emoji} `, count.toLocaleString(language()), make('span', 'sr-only', ` ${by}`));
    chip.type = 'button';
    chip.tabIndex = -1;
    chip.dataset.emoji = emoji;
    chip.ariaPressed = String(isOwn);
    chip.disabled = !marks.mayReact;
    chip.title = by;
    return make('li', '', chip);
  }));
  return list;
}

/** @param {string[]} names @param {number} [most] */
export function listOf(names, most = MAX_NAMES) {
  const shown = names.slice(0, most).map((name) => isolated(name)).join(language() === 'zh-CN' ? '、' : ', ');
  const more = names.length - most;
  return more > 0 ? translate('andMore', { names: shown, n: more }) : shown;
}
