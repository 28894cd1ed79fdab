// The name of the user, and which messages were sent from this browser.

import { memory } from './memory.js';
import { isName, readName } from './protocol.js';

/** The most ids of own messages that are stored. */
const MAX_OWN = 300;

/** Ids of messages sent from this browser. @type {Set<string>} */
const own = new Set(memory.get('own', /** @type {string[]} */ ([])));

export const me = {
  get name() {
    const name = readName(String(memory.get('name', '')));
    return isName(name) ? name : '';
  },

  set name(name) {
    memory.set('name', name);
  },

  /** Adds the id of a sent message. @param {string} id */
  addOwn(id) {
    own.add(id);
    memory.set('own', [...own].slice(-MAX_OWN));
  },

  /** @param {{id: string}} message */
  isOwn: ({ id }) => own.has(id),

  /** Calls `changed` when another tab has added ids. @param {() => void} changed */
  watchOwn(changed) {
    memory.watch('own', () => {
      memory.get('own', /** @type {string[]} */ ([])).forEach((id) => own.add(id));
      changed();
    });
  },
};
