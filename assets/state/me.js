// The name of the user, and which messages were sent from this browser.

import { memory } from './memory.js';
import { isName, makeId, readName } from '../server/input.js';
import { session } from './session.js';

/** The most ids of own messages that are stored. */
const MAX_OWN = 300;

/** Ids of messages sent from this browser. @type {Set<string>} */
const own = new Set(memory.get('own', /** @type {string[]} */ ([])));

export const me = {
  /** That of the session, or the chosen one. */
  get name() {
    const fixed = session.get()?.name;
    if (fixed) return fixed;
    const name = readName(memory.get('name', ''));
    return isName(name) ? name : '';
  },

  set name(name) {
    memory.set('name', name);
  },

  /** The secret with which own messages can be changed. It is the same for all tabs, and stays in this browser. */
  get editKey() {
    const known = memory.get('edit_key', '');
    if (/^[\w-]{16,64}$/.test(known)) return known;
    const made = makeId();
    memory.set('edit_key', made);
    return made;
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
