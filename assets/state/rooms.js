// The joined rooms and the read position of each, stored for all tabs of this
// browser.

import { memory, numberOf, stringOr } from './memory.js';
import { readRoom } from '../server/input.js';
import { idBefore, isOfEarlierEpoch } from '../server/ids.js';
import { isSameEpoch, isUpTo } from '../server/protocol.js';

/**
 * @typedef {{id: string, number: number}} Mark
 * @typedef {'all' | 'mentions' | 'nothing'} AlertLevel which messages of a room raise alerts
 * @typedef {{name: string, since: number, read: Mark | null, mentions: number, counted: string, alerts: AlertLevel}} StoredRoom
 *   `since`: when it was joined, by Date.now(); `counted`: the last message that was checked for mentions
 * @typedef {StoredRoom & {oldest: string | null, newest: string | null, next: number}} Room `oldest`: the first entry that history held when the server said so
 */

/** @type {readonly AlertLevel[]} */
export const ALERT_LEVELS = ['all', 'mentions', 'nothing'];
/** A stream may have 100 rooms; the side list is limited to fewer. */
export const MAX_JOINED = 50;
const KEEP_MS = 500;
/** Longer than a tab takes to learn that a room was left. */
const LEFT_MS = 24 * 3_600_000;

export class Rooms {
  /** @type {Room[]} in the order of joining */
  list = [];
  /** The open room of this page; empty before the first. */
  open = '';
  /**
   * When rooms were left. Tabs write the list concurrently and see each other's
   * changes late. Of joining and leaving a room the later one counts, in whatever
   * order a tab sees them.
   * @type {Map<string, number>}
   */
  #left = new Map();
  #changed;
  #wasRead;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;

  /** @param {() => void} changed the list or an unread count @param {(room: string) => void} wasRead all messages of a room count as read */
  constructor(changed, wasRead) {
    this.#changed = changed;
    this.#wasRead = wasRead;
    this.#read();
    const watched = () => {
      if (this.#read()) this.#write();
      changed();
    };
    memory.watch('rooms', watched);
    memory.watch('left', watched);
    addEventListener('pagehide', () => {
      this.#read();
      this.#write();
    });
  }

  get names() {
    return this.list.map(({ name }) => name);
  }

  /** @param {string} name @returns {Room | undefined} */
  get(name) {
    return this.list.find((room) => room.name === name);
  }

  /** @param {string} name @returns {boolean} false if there are too many */
  join(name) {
    if (this.get(name)) return true;
    if (this.list.length >= MAX_JOINED) return false;
    this.list.push({ name, since: this.#now(name), read: null, mentions: 0, counted: '', alerts: 'mentions', oldest: null, newest: null, next: 1 });
    this.#write();
    this.#changed();
    return true;
  }

  /** @param {string} name */
  leave(name) {
    this.#left.set(name, Math.max(Date.now(), this.get(name)?.since ?? 0));
    this.list = this.list.filter((room) => room.name !== name);
    this.#write();
    this.#changed();
  }

  /** Undoes a leaving. @param {Room} room as before @param {number} at its index @returns {boolean} false if there are too many */
  restore(room, at) {
    if (this.get(room.name)) return true;
    if (this.list.length >= MAX_JOINED) return false;
    this.list.splice(at, 0, { ...room, since: this.#now(room.name) });
    this.#write();
    this.#changed();
    return true;
  }

  /** Sets the newest message of a room. @param {string} name @param {string | null} newest @param {number} next @param {string | null} [oldest] */
  setNewest(name, newest, next, oldest) {
    const room = this.get(name);
    if (!room) return;
    if (room.newest && newest && isUpTo(newest, room.newest) && newest !== room.newest) return;
    room.oldest = newest && (oldest ?? room.oldest ?? newest);
    room.newest = newest;
    room.next = next;
    // Messages of another history are gone, and their mentions, too.
    if (room.mentions > 0 && isForeign(room.counted, room)) {
      room.mentions = 0;
      this.#keepMarks();
    }
    // A newly joined room has no unread messages.
    if (room.read) this.#changed();
    else this.markRead(name);
  }

  /** Counts a mention. @param {string} name @param {string} id of the message */
  mentioned(name, id) {
    const room = this.get(name);
    if (!room || room.counted && isUpTo(id, room.counted) || room.read && isUpTo(id, room.read.id)) return;
    room.counted = id;
    room.mentions += 1;
    this.#keepMarks();
  }

  /** A message was deleted, which may have been the last counted mention. @param {string} name @param {string} id */
  unmentioned(name, id) {
    const room = this.get(name);
    if (!room || room.counted !== id || room.mentions === 0) return;
    room.counted = idBefore(id);
    room.mentions -= 1;
    this.#keepMarks();
  }

  /** Marks all messages of a room read. @param {string} name */
  markRead(name) {
    const room = this.get(name);
    if (!room || room.read && unread(room) === 0 && room.mentions === 0) return;
    room.read = { id: room.newest ?? '0-0', number: room.next - 1 };
    room.mentions = 0;
    this.#keepMarks();
    this.#wasRead(name);
  }

  /** Sets which messages of a room raise alerts. @param {string} name @param {AlertLevel} alerts */
  setAlerts(name, alerts) {
    this.#read();
    const room = this.get(name);
    if (!room) return;
    room.alerts = alerts;
    this.#write();
    this.#changed();
  }

  /** The unread messages of all rooms but those without alerts. @param {string} [except] a room that does not count */
  unread(except) {
    return this.list.filter(({ name, alerts }) => name !== except && alerts !== 'nothing').reduce((sum, room) => sum + unread(room), 0);
  }

  /** Stores the rooms, at most once per interval: in a busy room the marks change with each frame. */
  #keepMarks() {
    // Another tab may have joined or left a room: the stored list counts.
    this.#timer ??= setTimeout(() => {
      this.#read();
      this.#write();
    }, KEEP_MS);
    this.#changed();
  }

  /** The time of joining a room, which may have been left just now. @param {string} name */
  #now(name) {
    return Math.max(Date.now(), (this.#left.get(name) ?? 0) + 1);
  }

  #write() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const known = leftIn(memory.get('left', {}));
    if ([...this.#left].some(([name, at]) => at > (known.get(name) ?? 0))) memory.set('left', Object.fromEntries(this.#left));
    memory.set('rooms', this.list.map(({ name, since, read, mentions, counted, alerts }) => ({ name, since, read, mentions, counted, alerts })));
  }

  /** Merges the stored rooms with those of this tab. @returns {boolean} whether storage lacks some of them */
  #read() {
    const before = this.list;
    const left = leftIn(memory.get('left', {}));
    for (const [name, at] of left) this.#left.set(name, Math.max(at, this.#left.get(name) ?? 0));
    for (const [name, at] of this.#left) if (at < Date.now() - LEFT_MS) this.#left.delete(name);
    /** @param {StoredRoom} room */
    const isIn = ({ name, since }) => since > (this.#left.get(name) ?? -1);
    // More rooms than a stream may have would leave the page without one.
    const stored = memory.get('rooms', /** @type {StoredRoom[]} */ ([])).flatMap(readStored).slice(0, MAX_JOINED);
    const theirs = stored.filter(isIn).map((room) => merged(room, before.find(({ name }) => name === room.name)));
    const mine = before.filter((room) => isIn(room) && !theirs.some(({ name }) => name === room.name));
    this.list = [...theirs, ...mine];
    return mine.length > 0 || theirs.length < stored.length || [...this.#left.keys()].some((name) => !left.has(name));
  }
}

/** Stored data is untrusted. @param {any} stored @returns {StoredRoom[]} */
function readStored(stored) {
  if (typeof stored?.name !== 'string' || readRoom(stored.name) !== stored.name) return [];
  const { name, since, read, mentions, counted } = stored;
  const alerts = ALERT_LEVELS.find((level) => level === stored.alerts) ?? 'mentions';
  return [{ name, since: numberOf(since), read: isMark(read) ? read : null, mentions: numberOf(mentions), counted: stringOr(counted, ''), alerts }];
}

/** @param {any} stored @returns {Map<string, number>} */
const leftIn = (stored) => new Map(Object.entries(stored ?? {}).map(([name, at]) => [name, numberOf(at)]));

/** Merges a stored room with that of this tab. @param {StoredRoom} stored @param {Room | undefined} mine @returns {Room} */
function merged(stored, mine) {
  if (!mine) return { ...stored, oldest: null, newest: null, next: 1 };
  const since = Math.max(stored.since, mine.since);
  // Of two tabs' marks, the later one is kept.
  return isBehind(stored.read, mine) ? Object.assign(mine, { since, alerts: stored.alerts }) : { ...stored, since, oldest: mine.oldest, newest: mine.newest, next: mine.next };
}

/** Stored data is untrusted. @param {any} mark */
const isMark = (mark) => /^[a-z0-9]+-\d+$/.test(mark?.id) && typeof mark.number === 'number';

/** Whether a mark is not newer than the room's own. @param {Mark | null} mark @param {Room} room */
function isBehind(mark, { read, newest }) {
  if (!mark || !read) return read !== null;
  if (isSameEpoch(mark.id, read.id)) return isUpTo(mark.id, read.id);
  // The epoch of the running server counts.
  return newest !== null && !isSameEpoch(mark.id, newest);
}

/** Whether an id is of another history than that of the room: its epoch is none from the oldest entry's to the newest one's. @param {string} id @param {{oldest: string | null, newest: string | null}} room */
export const isForeign = (id, { oldest, newest }) => !oldest || !newest || isOfEarlierEpoch(id, oldest) || isOfEarlierEpoch(newest, id);

/** The number of messages after the read mark, by message numbers. @param {Room} room */
export function unread(room) {
  const { read, newest, next } = room;
  if (!newest || !read) return 0;
  const all = next - 1;
  if (isForeign(read.id, room)) return all;
  if (isUpTo(newest, read.id)) return 0;
  // Only an event of a program is newer than the read mark.
  if (all === read.number) return 0;
  // The newest number is below the read mark: the server has removed the room, and
  // its numbers start at 1 again.
  return all > read.number ? all - read.number : all;
}
