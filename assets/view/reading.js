// How far the reader of the open room is: what is new, what counts as read, and where
// the view goes next.

import { isOfEarlierEpoch } from '../server/ids.js';
import { isForeign, unread } from '../state/rooms.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {import('../stream/snapshot.js').RoomPosition} RoomPosition
 */

export class Reading {
  /** The last read message: the divider of new messages is below it. @type {string | null} */
  unreadAfter = null;
  /** New messages below the visible part. */
  below = 0;
  /** Whether the view has been scrolled to the reader's start; nothing is marked read before. */
  isPlaced = false;
  /** The newest page is being loaded in order to scroll to its end. */
  wantsEnd = false;
  /** The next update scrolls to the first new message; nothing is marked read before. */
  returns = false;
  /** Whether something lies over the log, so that nothing of it is seen. */
  isCovered = false;
  /** The newest message at a reconnect, by id and number, until the stream has delivered it. @type {{id: string, number: number} | null} */
  #catchesUpTo = null;
  #room = '';
  #rooms;
  #scroller;
  #log;

  /** @param {import('../state/rooms.js').Rooms} rooms @param {import('./scroller.js').Scroller} scroller @param {() => import('../state/room_log.js').RoomLog} log of the open room */
  constructor(rooms, scroller, log) {
    this.#rooms = rooms;
    this.#scroller = scroller;
    this.#log = log;
  }

  /** @param {string} room that is opened */
  begin(room) {
    const known = this.#rooms.get(room);
    this.#room = room;
    this.unreadAfter = known?.read && unread(known) > 0 ? known.read.id : null;
    this.below = 0;
    this.isPlaced = false;
    this.toEnd(false);
  }

  /** The reader goes to the end, or not any more. @param {boolean} wantsEnd whether it is still to be loaded */
  toEnd(wantsEnd) {
    this.wantsEnd = wantsEnd;
    this.returns = false;
    this.#catchesUpTo = null;
  }

  /** The view has been scrolled to where the reader reads on. */
  placed() {
    const room = this.#rooms.get(this.#room);
    this.below = room && !this.#scroller.follows ? unread(room) : 0;
    this.isPlaced = true;
    this.wantsEnd = false;
    this.returns = false;
  }

  /** Whether the end of the log is visible to the reader when drawn. */
  get isVisible() {
    return document.visibilityState === 'visible' && !this.isCovered && !this.returns && this.#catchesUpTo === null;
  }

  get isFollowing() {
    return this.isPlaced && this.#scroller.follows;
  }

  /** Whether a new message is seen at once. */
  get isSeeing() {
    return this.isVisible && this.isFollowing && this.#log().atEnd;
  }

  get nothingIsNew() {
    const room = this.#rooms.get(this.#room);
    return !room || unread(room) === 0;
  }

  /** Marks visible messages read. */
  see() {
    if (!this.isSeeing || !this.#log().loaded) return;
    this.below = 0;
    this.#rooms.markRead(this.#room);
  }

  /** A message that is not seen has come. @param {string | null} read the last message before it, if that was read @param {boolean} isBelow whether it is below the visible part */
  missed(read, isBelow) {
    this.unreadAfter = read ?? this.unreadAfter ?? this.#rooms.get(this.#room)?.read?.id ?? null;
    if (isBelow) this.below += 1;
  }

  /** The stream was resumed and replays missed messages, which count as new. @param {RoomPosition} place of the open room */
  resumed({ oldest, newest, next }) {
    const { last, atEnd } = this.#log();
    // By numbers: the newest entry may be an event of a program, which is not delivered here.
    const isBehind = newest !== null && last !== undefined && (last.number + 1 < next || isForeign(last.id, { oldest, newest }));
    this.#catchesUpTo = isBehind && atEnd && this.isFollowing ? { id: newest, number: next - 1 } : null;
  }

  /** The stream has delivered a message. @param {Message} message */
  delivered({ id, number }) {
    const to = this.#catchesUpTo;
    if (!to || number < to.number && !isOfEarlierEpoch(to.id, id)) return;
    this.#catchesUpTo = null;
    this.returns = this.#scroller.follows;
  }

  /** The room has new messages that were not shown: they begin after the last read one. @param {RoomPosition} place */
  move({ room, oldest, newest, next }) {
    const known = this.#rooms.get(room);
    const wasRead = known && unread(known) === 0 ? known.read : null;
    this.#rooms.setNewest(room, newest, next, oldest);
    if (room === this.#room && wasRead && !this.nothingIsNew) this.unreadAfter = wasRead.id;
  }

  /** The reader sees the log again, after something else: what came meanwhile is new. */
  comeBack() {
    this.returns ||= this.isFollowing && !this.nothingIsNew;
  }
}
