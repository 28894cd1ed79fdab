// The session of this browser: what the page knows of its token. The token itself
// is only in a cookie that no script can read.

import { memory, numberOf, stringOr } from './memory.js';
import { isName, readName } from '../server/input.js';

/**
 * @typedef {{name: string, until: number, write?: string[]}} Session
 *   `name`: empty if the user chooses it; `until`: by Date.now(), 0 if unknown; `write`: rooms, if known
 */

export const session = {
  /** The present session, also when it is over; null after logging out. Stored data is untrusted. @returns {Session | null} */
  get() {
    const stored = memory.get('session', /** @type {Session | null} */ (null));
    if (!stored) return null;
    const name = readName(stringOr(stored.name, ''));
    const write = Array.isArray(stored.write) ? { write: stored.write.filter((room) => typeof room === 'string') } : {};
    return { name: isName(name) ? name : '', until: numberOf(stored.until), ...write };
  },

  /** Identifies the session that is valid now; empty without one. */
  get mark() {
    const stored = memory.get('session', /** @type {{since?: number, until?: number} | null} */ (null));
    const until = numberOf(stored?.until);
    const isOver = until > 0 && until <= Date.now();
    return stored === null || isOver ? '' : String(numberOf(stored.since) || 'unknown');
  },

  /** Sets it for all tabs, which watch it. @param {Session | null} present */
  set(present) {
    memory.set('session', present && { ...present, since: Date.now() });
  },
};
