// Unsent text: a draft per tab and room. It is stored in the tab's sessionStorage,
// so that tabs do not overwrite each other, and as a copy in localStorage, which
// outlives the tab. A new tab takes the newest copy that is not empty.

import { memory } from './memory.js';
import { makeId } from '../server/input.js';

/** @typedef {Record<string, {text: string, at: number}>} Copies by page */

const SESSION = 'sse-chat.draft.';
/** The most copies per room; closed tabs leave theirs. */
const MAX_COPIES = 5;

/** The id of this page. Not stored, so that a duplicated tab has its own. */
const page = makeId();

/** Drafts that sessionStorage did not accept. @type {Map<string, string>} */
const unstored = new Map();

/** @param {string} room @returns {string | null} null if this tab has not been in the room */
function ofTab(room) {
  const text = unstored.get(room);
  if (text !== undefined) return text;
  try {
    return sessionStorage.getItem(SESSION + room);
  } catch {
    return null;
  }
}

/** @param {string} room @param {string} text */
function keepInTab(room, text) {
  try {
    sessionStorage.setItem(SESSION + room, text);
    unstored.delete(room);
  } catch {
    unstored.set(room, text);
  }
}

/** Stored data is untrusted; earlier versions stored one text. @param {string} room @returns {Copies} */
function copiesOf(room) {
  const key = `draft.${room}`;
  const earlier = memory.get(key, '');
  const found = earlier ? { earlier: { text: earlier, at: 0 } } : memory.get(key, /** @type {Copies} */ ({}));
  return Object.fromEntries(Object.entries(found ?? {})
    .filter(([, copy]) => typeof copy?.text === 'string' && copy.text !== '' && typeof copy.at === 'number'));
}

/** @param {string} room @param {Copies} copies */
function keepCopies(room, copies) {
  const newest = Object.entries(copies).sort(([, a], [, b]) => b.at - a.at).slice(0, MAX_COPIES);
  memory.set(`draft.${room}`, newest.length > 0 ? Object.fromEntries(newest) : null);
}

/** Copies of other pages that this page started with. @type {Map<string, string>} */
const adopted = new Map();

export const drafts = {
  /** @param {string} room */
  get(room) {
    const copies = copiesOf(room);
    const known = ofTab(room);
    const [from, copy] = Object.entries(copies)
      .filter(([, { text }]) => known === null || text === known)
      .sort(([, a], [, b]) => b.at - a.at)[0] ?? [];
    const text = known ?? copy?.text ?? '';
    if (from !== undefined && from !== page) {
      // The copy is from this tab's previous page, or from another tab that may still exist.
      if (known !== null) delete copies[from];
      else adopted.set(room, from);
    }
    if (text) keepCopies(room, { ...copies, [page]: { text, at: Date.now() } });
    keepInTab(room, text);
    return text;
  },

  /** @param {string} room @param {string} text empty after it was sent */
  set(room, text) {
    keepInTab(room, text);
    const copies = copiesOf(room);
    if (text) copies[page] = { text, at: Date.now() };
    else {
      delete copies[page];
      delete copies[adopted.get(room) ?? page];
      adopted.delete(room);
    }
    keepCopies(room, copies);
  },
};
