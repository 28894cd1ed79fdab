// Short news about what somebody has just done: shown for a moment, and said
// to those who listen. It may offer something to do.

import { button, byId, make } from './dom.js';

const SHOWN_MS = 5_000;
/** How soon it is looked at again whether somebody still points at it. */
const LOOK_MS = 1_000;

/** @typedef {{label: string, act(): void}} Action */

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** Says something to those who listen; those who look see it elsewhere. @param {string} text */
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

/** It does not vanish under a pointer, nor with the focus. */
function hideUnlessUsed() {
  if (byId('notice').matches(':hover, :focus-within')) timer = setTimeout(hideUnlessUsed, LOOK_MS);
  else hide();
}
