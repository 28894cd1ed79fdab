// When the last messages of rooms are stored, and when they are removed (kept.js).

import { kept } from './kept.js';

/** @typedef {import('../stream/connection.js').StateEvent} StateEvent */

/** Reasons for the end of a stream that end the right to read, too. */
const NO_RIGHT = /^token_(required|invalid|expired)$/;

export class Keeping {
  #rooms;
  #store;
  #isLive = false;
  /** Rooms that may not be read. @type {string[]} */
  #forbidden = [];

  /** @param {() => string[]} rooms the joined ones @param {(rooms: string[]) => void} store stores the loaded messages of rooms */
  constructor(rooms, store) {
    this.#rooms = rooms;
    this.#store = store;
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'hidden') this.#write();
    });
    addEventListener('pagehide', () => this.#write());
  }

  /** @param {StateEvent} event */
  set({ state, reason, forbidden }) {
    if (state !== 'live') this.#write();
    this.#isLive = state === 'live';
    this.#forbidden = forbidden;
    forbidden.forEach(kept.remove);
    if (state === 'closed' && NO_RIGHT.test(reason ?? '')) kept.clear();
  }

  /** A session has begun or ended: nothing is stored until the server has accepted the new one. */
  sessionChanged() {
    this.#isLive = false;
    kept.clear();
  }

  #write() {
    if (!this.#isLive) return;
    const rooms = this.#rooms();
    this.#store(rooms.filter((room) => !this.#forbidden.includes(room)));
    kept.prune(rooms);
  }
}
