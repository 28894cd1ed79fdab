// The members of each room, and lines about joining and leaving. A connection that
// is lost for a moment makes no such line.

import { merge } from '../server/presence.js';

/** @typedef {import('../server/protocol.js').Presence} Presence */

/** A member who returns within this time has not left. */
const LEAVE_MS = 8_000;
/** A member seen within this time has not just joined: the page or the server was away. */
const SEEN_MS = 60_000;
/** The server keeps a name for 5 s after its last stream. If it is present later, another person has it. */
const RETIRED_MS = 12_000;
/** The most members that the server lists. */
const MAX_LISTED = 200;
/** All readers learn at once that the list is invalid, so each requests it after a random time up to this. */
const ASK_MS = 5_000;

export class People {
  /** @type {Map<string, Presence>} */
  #rooms = new Map();
  /** @type {Map<string, number>} when a member was last seen, by room and name */
  #seen = new Map();
  /** @type {Map<string, ReturnType<typeof setTimeout>>} */
  #leaving = new Map();
  /** Members whose joining is reported together with a leaving. @type {Map<string, ReturnType<typeof setTimeout>>} */
  #arriving = new Map();
  /** Previous own names, which the server still has. @type {Map<string, ReturnType<typeof setTimeout>>} */
  #retired = new Map();
  /** All own names of this visit: the page shows their changes itself. @type {Set<string>} */
  #own = new Set();
  /** Rooms in which somebody types. @type {Set<string>} */
  #typing = new Set();
  /** Rooms whose list is to be requested. @type {Map<string, ReturnType<typeof setTimeout>>} */
  #asking = new Map();
  #on;

  /**
   * @param {{changed(room: string): void, presenceChanged(room: string, what: 'joined' | 'left', name: string): void,
   *          renamed(room: string, before: string, name: string): void, typing(room: string, names: string[]): void,
   *          ask(room: string): Promise<{count: number, members: import('../server/protocol.js').Member[]} | null>}} on
   *   `ask`: requests the list of a room
   */
  constructor(on) {
    this.#on = on;
  }

  /** The own name was changed: the old one counts as gone. @param {string} before @param {string} name */
  renamed(before, name) {
    this.#own.add(before).add(name);
    this.#unretire(name);
    this.#unretire(before);
    this.#retired.set(before, setTimeout(() => {
      this.#unretire(before);
      for (const room of this.#rooms.keys()) this.#on.changed(room);
    }, RETIRED_MS));
    for (const room of this.#rooms.keys()) this.#on.changed(room);
  }

  /** Requests the list of a room if only the count is known and the list is short enough. @param {string} room */
  list(room) {
    const known = this.#rooms.get(room);
    if (!known || known.members || known.count === 0 || known.count > MAX_LISTED || this.#asking.has(room)) return;
    this.#asking.set(room, setTimeout(() => void this.#ask(room, known), Math.random() * ASK_MS));
  }

  /** @param {string} room @param {Presence} known */
  async #ask(room, known) {
    const listed = await this.#on.ask(room);
    this.#asking.delete(room);
    // A presence event that arrived meanwhile is newer.
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
    this.#types(room, change.typing ?? []);
    const before = this.#rooms.get(room);
    const now = Date.now();
    for (const [who, at] of this.#seen) if (now - at > SEEN_MS) this.#seen.delete(who);
    for (const { name } of before?.members ?? []) this.#seen.set(key(room, name), now);
    this.#rooms.set(room, merge(before, change));
    if (!change.members) {
      const { left = [], joined = [] } = change;
      for (const { name, now: other } of left) {
        if (other) this.#renames(room, name, other);
        else this.#leaves(room, name);
      }
      // A join and a leave in one event may be one person, so they share a line.
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

  /**
   * Whether another member of these rooms has a name, in small or large letters.
   * @param {string} name @param {string[]} rooms @param {string} me the own name
   */
  isTaken(name, rooms, me) {
    const wanted = fold(name);
    return rooms.some((room) => this.namesIn(room).some((other) => other !== me && fold(other) === wanted));
  }

  /** @param {string} room @param {string} name @param {number} afterMs */
  #comes(room, name, afterMs) {
    const who = key(room, name);
    const leaving = this.#leaving.get(who);
    clearTimeout(leaving);
    this.#leaving.delete(who);
    const isBack = leaving !== undefined || this.#seen.has(who) || this.#retired.has(name);
    if (isBack) return;
    if (afterMs === 0) return this.#on.presenceChanged(room, 'joined', name);
    this.#arriving.set(who, setTimeout(() => {
      this.#arriving.delete(who);
      this.#on.presenceChanged(room, 'joined', name);
    }, afterMs));
  }

  /** Each event says who types. @param {string} room @param {string[]} names */
  #types(room, names) {
    if (names.length > 0) this.#typing.add(room);
    else if (!this.#typing.delete(room)) return;
    this.#on.typing(room, names);
  }

  /** A member has taken another name, under which it may have joined already. @param {string} room @param {string} before @param {string} name */
  #renames(room, before, name) {
    const isUnknown = this.#stopsArriving(room, before);
    this.#stopsArriving(room, name);
    this.#seen.delete(key(room, before));
    this.#seen.set(key(room, name), Date.now());
    if (this.#own.has(before) && this.#own.has(name)) return;
    if (isUnknown) this.#on.presenceChanged(room, 'joined', name);
    else this.#on.renamed(room, before, name);
  }

  /** @param {string} room @param {string} name @returns {boolean} whether its joining was still to be reported */
  #stopsArriving(room, name) {
    clearTimeout(this.#arriving.get(key(room, name)));
    return this.#arriving.delete(key(room, name));
  }

  /** @param {string} room @param {string} name */
  #leaves(room, name) {
    const who = key(room, name);
    this.#seen.delete(who);
    // The own renaming has its own line.
    if (this.#retired.has(name) || this.#stopsArriving(room, name)) return;
    this.#leaving.set(who, setTimeout(() => {
      this.#leaving.delete(who);
      this.#on.presenceChanged(room, 'left', name);
    }, LEAVE_MS));
  }
}

/** What two names have in common that look the same to readers. @param {string} name */
const fold = (name) => name.toLowerCase().normalize('NFC');

/** @param {string} room @param {string} name */
const key = (room, name) => `${room}\n${name}`;
