// Short notices about the result of an action: shown for a moment and announced
// to screen readers. A notice may have a button.

import { button, byId, make } from './dom.js';

const SHOWN_MS = 5_000;
/** Interval of the check whether the pointer is still over the notice. */
const LOOK_MS = 1_000;

/** @typedef {{label: string, act(): void}} Action */

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** Announces a text to screen readers; it is visible elsewhere. @param {string} text */
export function announce(text) {
  byId('announcer').textContent = text;
}

/** @param {string} text @param {number} [shownMs] @param {Action} [action] @returns {HTMLButtonElement | null} the action's button */
export function notice(text, shownMs = SHOWN_MS, action) {
  const offer = action ? button('link', action.label, () => {
    hide();
    action.act();
  }) : null;
  byId('notice').replaceChildren(make('span', '', text), ...offer ? [offer] : []);
  byId('notice').hidden = false;
  announce(action ? `${text} ${action.label}` : text);
  clearTimeout(timer);
  timer = setTimeout(hideUnlessUsed, shownMs);
  return offer;
}

function hide() {
  clearTimeout(timer);
  byId('notice').hidden = true;
}

/** Hides the notice, unless it has the pointer or the focus. */
function hideUnlessUsed() {
  if (byId('notice').matches(':hover, :focus-within')) timer = setTimeout(hideUnlessUsed, LOOK_MS);
  else hide();
}
