// When the last messages of rooms are stored, and when they are removed (kept.js).

import { kept } from './kept.js';

/** @typedef {import('../server/protocol.js').Message} Message */
/** @typedef {import('../stream/connection.js').StateEvent} StateEvent */

/** Reasons for the end of a stream that end the right to read, too. */
const NO_RIGHT = /^token_(required|invalid|expired)$/;

export class Keeping {
  #rooms;
  #history;
  #isLive = false;
  /** Rooms that may not be read. @type {string[]} */
  #forbidden = [];

  /** @param {import('../state/rooms.js').Rooms} rooms @param {import('../state/history.js').History} history */
  constructor(rooms, history) {
    this.#rooms = rooms;
    this.#history = history;
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

  /** @param {string} room */
  left(room) {
    kept.remove(room);
  }

  /** A message was deleted. @param {Message} message */
  forget(message) {
    kept.forget(message);
  }

  #write() {
    if (!this.#isLive) return;
    const rooms = this.#rooms.names;
    for (const room of rooms) {
      const messages = this.#forbidden.includes(room) ? null : this.#history.last(room);
      if (messages) kept.set(room, messages);
    }
    kept.prune(rooms);
  }
}
