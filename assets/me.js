// The name that is used in this browser, and which messages were sent from it.

import { memory } from './memory.js';
import { isName, readName } from './protocol.js';

/** Own messages that a reload still knows as own. */
const MAX_OWN = 300;

/** The ids that the server answered for what was sent from this browser. @type {Set<string>} */
const own = new Set(memory.get('own', /** @type {string[]} */ ([])));

export const me = {
  get name() {
    const name = readName(String(memory.get('name', '')));
    return isName(name) ? name : '';
  },

  set name(name) {
    memory.set('name', name);
  },

  /** The server answered a message of this browser with this id. @param {string} id */
  wrote(id) {
    own.add(id);
    memory.set('own', [...own].slice(-MAX_OWN));
  },

  /** @param {{id: string}} message */
  isOwn: ({ id }) => own.has(id),

  /** Calls `changed` when another tab has learned which messages are own. @param {() => void} changed */
  watchOwn(changed) {
    memory.watch('own', () => {
      memory.get('own', /** @type {string[]} */ ([])).forEach((id) => own.add(id));
      changed();
    });
  },
};
