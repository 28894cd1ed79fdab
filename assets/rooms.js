// The rooms that somebody is in, and how far each has been read. Kept in this
// browser, for all of its tabs.

import { memory } from './memory.js';
import { isSameEpoch, isUpTo, readRoom } from './protocol.js';

/**
 * @typedef {{id: string, number: number}} Mark
 * @typedef {{name: string, read: Mark | null, mentions: number, counted: string}} Kept
 *   `counted`: the last message that was looked through for mentions
 * @typedef {Kept & {newest: string | null, next: number}} Room
 */

/** A stream takes 100; a side list is no place for more than this. */
export const MAX_JOINED = 50;
const KEEP_MS = 500;

export class Rooms {
  /** @type {Room[]} in the order in which they were joined */
  list = [];
  #changed;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;

  /** @param {() => void} changed the list itself or what is unread */
  constructor(changed) {
    this.#changed = changed;
    this.#read();
    memory.watch('rooms', () => {
      this.#read();
      changed();
    });
    addEventListener('pagehide', () => {
      this.#read();
      this.#write();
    });
  }

  /** @param {string} name @returns {Room | undefined} */
  get(name) {
    return this.list.find((room) => room.name === name);
  }

  /** @param {string} name @returns {boolean} false where there are too many already */
  join(name) {
    if (this.get(name)) return true;
    if (this.list.length >= MAX_JOINED) return false;
    this.list.push({ name, read: null, mentions: 0, counted: '', newest: null, next: 1 });
    this.#write();
    this.#changed();
    return true;
  }

  /** @param {string} name */
  leave(name) {
    this.list = this.list.filter((room) => room.name !== name);
    this.#write();
    this.#changed();
  }

  /** Where a room's talk is by now. @param {string} name @param {string | null} newest @param {number} next */
  at(name, newest, next) {
    const room = this.get(name);
    if (!room) return;
    if (room.newest && newest && isUpTo(newest, room.newest) && newest !== room.newest) return;
    room.newest = newest;
    room.next = next;
    // Who has just come has missed nothing.
    if (room.read) this.#changed();
    else this.markRead(name);
  }

  /** Somebody was meant by name. @param {string} name @param {string} id the message's */
  mentioned(name, id) {
    const room = this.get(name);
    if (!room || room.counted && isUpTo(id, room.counted) || room.read && isUpTo(id, room.read.id)) return;
    room.counted = id;
    room.mentions += 1;
    this.#keepMarks();
  }

  /** All that there is in a room has been seen. @param {string} name */
  markRead(name) {
    const room = this.get(name);
    if (!room || room.read && unread(room) === 0 && room.mentions === 0) return;
    room.read = { id: room.newest ?? '0-0', number: room.next - 1 };
    room.mentions = 0;
    this.#keepMarks();
  }

  get unread() {
    return this.list.reduce((sum, room) => sum + unread(room), 0);
  }

  /** In a busy room, marks change with each frame: storage gets them now and then. */
  #keepMarks() {
    // Another tab may have joined or left a room since: which there are is for storage to say.
    this.#timer ??= setTimeout(() => {
      this.#read();
      this.#write();
    }, KEEP_MS);
    this.#changed();
  }

  #write() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    memory.set('rooms', this.list.map(({ name, read, mentions, counted }) => ({ name, read, mentions, counted })));
  }

  #read() {
    const before = this.list;
    const kept = memory.get('rooms', /** @type {Kept[]} */ ([]));
    this.list = kept.filter((room) => typeof room?.name === 'string' && readRoom(room.name) === room.name).map(({ name, read, mentions, counted }) => {
      const room = { name, read: isMark(read) ? read : null, mentions: Number(mentions) || 0, counted: String(counted ?? '') };
      const mine = before.find(({ name }) => name === room.name);
      if (!mine) return { ...room, newest: null, next: 1 };
      // What was read in one tab was read; a mark that is behind is only late.
      return isBehind(room.read, mine) ? mine : { ...room, newest: mine.newest, next: mine.next };
    });
  }
}

/** What storage has may be anything. @param {any} mark */
const isMark = (mark) => typeof mark?.id === 'string' && typeof mark.number === 'number';

/** Whether a mark says no more than a room's own. @param {Mark | null} mark @param {Room} room */
function isBehind(mark, { read, newest }) {
  if (!mark || !read) return read !== null;
  if (isSameEpoch(mark.id, read.id)) return isUpTo(mark.id, read.id);
  // Ids of two epochs have no order: that of the server which runs counts.
  return newest !== null && !isSameEpoch(mark.id, newest);
}

/** How many messages were said since a room was read; exact, by the numbers. @param {Room} room */
export function unread({ read, newest, next }) {
  if (!newest || !read) return 0;
  const all = next - 1;
  if (!isSameEpoch(read.id, newest)) return all;
  if (isUpTo(newest, read.id)) return 0;
  // Fewer than were read: the room was forgotten meanwhile, and counts from 1 again.
  return all > read.number ? all - read.number : all;
}
