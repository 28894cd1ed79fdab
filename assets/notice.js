// Short news about what somebody has just done: shown for a moment, and said
// to those who listen.

import { byId } from './dom.js';

const SHOWN_MS = 5_000;

/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/** Says something to those who listen; those who look see it elsewhere. @param {string} text */
export function announce(text) {
  byId('announcer').textContent = text;
}

/** @param {string} text */
export function notice(text, shownMs = SHOWN_MS) {
  const line = byId('notice');
  line.textContent = text;
  line.hidden = false;
  announce(text);
  clearTimeout(timer);
  timer = setTimeout(() => { line.hidden = true; }, shownMs);
}
