// Who somebody is in this browser: a name, and which messages were theirs.

import { memory } from './memory.js';
import { isName, readName } from './protocol.js';

/** Own messages that a reload still knows as own. */
const MAX_OWN = 300;

/** @type {Set<string>} */
const own = new Set(memory.get('own', /** @type {string[]} */ ([])));

export const me = {
  get name() {
    const name = readName(String(memory.get('name', '')));
    return isName(name) ? name : '';
  },

  set name(name) {
    memory.set('name', name);
  },

  /** A message goes out under this client id. @param {string} clientId */
  wrote(clientId) {
    own.add(clientId);
    memory.set('own', [...own].slice(-MAX_OWN));
  },

  /** @param {{client_id?: string}} message */
  isOwn: (message) => message.client_id !== undefined && own.has(message.client_id),
};

memory.watch('own', () => memory.get('own', /** @type {string[]} */ ([])).forEach((id) => own.add(id)));
