// Who is in which room, and who comes and goes. A connection that is lost for
// a moment is no coming and no going.

import { merge } from './snapshot.js';

/** @typedef {import('./protocol.js').Presence} Presence */

/** Who is back so soon was not gone. */
const LEAVE_MS = 8_000;
/** Whoever was seen so lately has not just come: the page or the server was away. */
const SEEN_MS = 60_000;
/** The server keeps a name for 5 s after its last stream; if it is still here then, somebody else has it. */
const RETIRED_MS = 12_000;
/** As many members as the server lists. */
export const MAX_LISTED = 200;
/** A room's readers learn at the same time that the list is void, and must not all ask for it at once. */
const ASK_MS = 5_000;

export class People {
  /** @type {Map<string, Presence>} */
  #rooms = new Map();
  /** @type {Map<string, number>} when somebody was last seen, by room and name */
  #seen = new Map();
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #leaving = new Map();
  /** Whose coming is said with somebody's going. @type {Map<string, ReturnType<typeof setTimeout>>} */
  #arriving = new Map();
  /** Own names of before, which the server still has. @type {Map<string, ReturnType<typeof setTimeout>>} */
  #retired = new Map();
  /** Rooms whose list is to be asked for. @type {Map<string, ReturnType<typeof setTimeout>>} */
  #asking = new Map();
  #on;

  /**
   * @param {{changed(room: string): void, coming(room: string, what: 'joined' | 'left', name: string): void,
   *          ask(room: string): Promise<{count: number, members: import('./protocol.js').Member[]} | null>}} on
   *   `ask`: for the list of a room
   */
  constructor(on) {
    this.#on = on;
  }

  /** Somebody here has another name: the old one is gone from here on. @param {string} before @param {string} name */
  renamed(before, name) {
    this.#unretire(name);
    this.#unretire(before);
    this.#retired.set(before, setTimeout(() => {
      this.#unretire(before);
      for (const room of this.#rooms.keys()) this.#on.changed(room);
    }, RETIRED_MS));
    for (const room of this.#rooms.keys()) this.#on.changed(room);
  }

  /** Asks for the list of a room, where only the count is known but a list would be short enough. @param {string} room */
  list(room) {
    const known = this.#rooms.get(room);
    if (!known || known.members || known.count === 0 || known.count > MAX_LISTED || this.#asking.has(room)) return;
    this.#asking.set(room, setTimeout(() => void this.#ask(room, known), Math.random() * ASK_MS));
  }

  /** @param {string} room @param {Presence} known */
  async #ask(room, known) {
    const listed = await this.#on.ask(room);
    this.#asking.delete(room);
    // What the stream said meanwhile is newer.
    if (listed && this.#rooms.get(room) === known && listed.count <= MAX_LISTED) {
      this.#rooms.set(room, { room, count: listed.count, members: listed.members });
    }
    if (this.#rooms.get(room) !== known) this.#on.changed(room);
  }

  /** @param {string} name */
  #unretire(name) {
    clearTimeout(this.#retired.get(name));
    this.#retired.delete(name);
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
      const { left = [], joined = [] } = change;
      for (const { name } of left) this.#leaves(room, name);
      // A join and a leave in one event may be one person: one line says both.
      for (const { name } of joined) this.#comes(room, name, left.length > 0 ? LEAVE_MS : 0);
    }
    this.#on.changed(room);
  }

  /** @param {string} room @returns {Presence | undefined} */
  in(room) {
    const known = this.#rooms.get(room);
    if (!known?.members || this.#retired.size === 0) return known;
    const members = known.members.filter(({ name }) => !this.#retired.has(name));
    return { room, count: known.count - known.members.length + members.length, members };
  }

  /** @param {string} room @returns {string[]} */
  namesIn(room) {
    return this.in(room)?.members?.map(({ name }) => name) ?? [];
  }

  /** @param {string} room @param {string} name @param {number} afterMs */
  #comes(room, name, afterMs) {
    const who = key(room, name);
    const leaving = this.#leaving.get(who);
    clearTimeout(leaving);
    this.#leaving.delete(who);
    const isBack = leaving !== undefined || this.#seen.has(who) || this.#retired.has(name);
    if (isBack) return;
    if (afterMs === 0) return this.#on.coming(room, 'joined', name);
    this.#arriving.set(who, setTimeout(() => {
      this.#arriving.delete(who);
      this.#on.coming(room, 'joined', name);
    }, afterMs));
  }

  /** @param {string} room @param {string} name */
  #leaves(room, name) {
    const who = key(room, name);
    this.#seen.delete(who);
    // Of oneself it has been said already.
    if (this.#retired.has(name)) return;
    const arriving = this.#arriving.get(who);
    clearTimeout(arriving);
    this.#arriving.delete(who);
    if (arriving !== undefined) return;
    this.#leaving.set(who, setTimeout(() => {
      this.#leaving.delete(who);
      this.#on.coming(room, 'left', name);
    }, LEAVE_MS));
  }
}

/** @param {string} room @param {string} name */
const key = (room, name) => `${room}\n${name}`;
