// Who is in which room, and who comes and goes. A connection that is lost for
// a moment is no coming and no going.

import { merge } from './snapshot.js';

/** @typedef {import('./protocol.js').Presence} Presence */

/** Who is back so soon was not gone. */
const LEAVE_MS = 8_000;
/** Whoever was seen so lately has not just come: the page or the server was away. */
const SEEN_MS = 60_000;

export class People {
  /** @type {Map<string, Presence>} */
  #rooms = new Map();
  /** @type {Map<string, number>} when somebody was last seen, by room and name */
  #seen = new Map();
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #leaving = new Map();
  #on;

  /** @param {{changed(room: string): void, coming(room: string, what: 'joined' | 'left', name: string): void}} on */
  constructor(on) {
    this.#on = on;
  }

  /** @param {Presence} change */
  apply(change) {
    const { room } = change;
    const before = this.#rooms.get(room);
    const now = Date.now();
    for (const [who, at] of this.#seen) if (now - at > SEEN_MS) this.#seen.delete(who);
    for (const { name } of before?.members ?? []) this.#seen.set(key(room, name), now);
    this.#rooms.set(room, merge(before, change));
    if (!change.members) {
      for (const { name } of change.left ?? []) this.#leaves(room, name);
      for (const { name } of change.joined ?? []) this.#comes(room, name);
    }
    this.#on.changed(room);
  }

  /** @param {string} room @returns {Presence | undefined} */
  in(room) {
    return this.#rooms.get(room);
  }

  /** @param {string} room @returns {string[]} */
  namesIn(room) {
    return this.#rooms.get(room)?.members?.map(({ name }) => name) ?? [];
  }

  /** @param {string} room @param {string} name */
  #comes(room, name) {
    const who = key(room, name);
    const leaving = this.#leaving.get(who);
    clearTimeout(leaving);
    this.#leaving.delete(who);
    const isBack = leaving !== undefined || this.#seen.has(who);
    if (!isBack) this.#on.coming(room, 'joined', name);
  }

  /** @param {string} room @param {string} name */
  #leaves(room, name) {
    const who = key(room, name);
    this.#seen.delete(who);
    this.#leaving.set(who, setTimeout(() => {
      this.#leaving.delete(who);
      this.#on.coming(room, 'left', name);
    }, LEAVE_MS));
  }
}

/** @param {string} room @param {string} name */
const key = (room, name) => `${room}\n${name}`;
