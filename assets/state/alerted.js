// The rooms with an alert that was not read: each with the id of its newest message,
// stored for all tabs of this browser.

import { memory } from './memory.js';

const KEY = 'alerted';

/** @typedef {Map<string, string>} Alerted ids by room */

export const alerted = {
  /** Stored data is untrusted. @returns {Alerted} */
  get: () => new Map(Object.entries(memory.get(KEY, {})).filter(([, id]) => typeof id === 'string')),

  /** @param {Alerted} rooms */
  set: (rooms) => memory.set(KEY, Object.fromEntries(rooms)),

  /** @param {() => void} changed in another tab */
  watch: (changed) => memory.watch(KEY, changed),
};
