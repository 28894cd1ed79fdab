// The view of the open room: which part of its log is on the page, when history
// (state/history.js) is loaded, and what is new or read.

import { byId } from './dom.js';
import { Drawing } from './drawing.js';
import { emptinessOf } from './empty_view.js';
import { Jumps } from './jumps.js';
import { LogTop } from './log_top.js';
import { Pill } from './pill.js';
import { preview } from './preview.js';
import { isSameEpoch } from '../server/protocol.js';
import { FIRST_MESSAGES } from '../state/first_page.js';
import { History, PAGE } from '../state/history.js';
import { MAX_ITEMS } from '../state/room_log.js';
import { unread } from '../state/rooms.js';
import { Reading } from './reading.js';
import { rowsOf } from './rows.js';
import { Scroller } from './scroller.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {import('../server/protocol.js').Gap} Gap
 * @typedef {import('../stream/snapshot.js').RoomPosition} RoomPosition
 * @typedef {{viewer(room: string): import('./rows.js').Viewer, isOwn(message: Message): boolean,
 *            arrived(message: Message): void, showOutbox(): void, shown(): void, toNewest(): void, gone(): void,
 *            showEmpty(why: import('./empty_view.js').Emptiness | null): void}} Host the page around the view
 *   `toNewest`: the reader goes to the newest message; `gone`: the server does not have the message that was to be shown
 * @typedef {import('./jumps.js').Place} Place
 */

/** More new rows than this at once are history, and not announced to screen readers. */
const MAX_ANNOUNCED = 10;

export class RoomView {
  #room = '';
  #rooms;
  #host;
  /** The logs of the rooms. */
  history;
  #view = preview.view;
  #scroller;
  #top = new LogTop({ retry: () => this.#retry(), older: () => void this.#loadOlder() });
  #jumps;
  #pill = new Pill(() => this.toNewest());
  #now;
  /** Whether the last update included the newest message. */
  #wasAtEnd = true;
  #drawing = new Drawing(() => this.#show());
  /** Why loading has failed. @type {{error: unknown} | null} */
  #failure = null;

  /** @param {import('../state/rooms.js').Rooms} rooms @param {Host} host */
  constructor(rooms, host) {
    this.#rooms = rooms;
    this.#host = host;
    preview.isOver = true;
    this.history = new History(rooms, {
      arrived: host.arrived,
      failed: (room, error) => room === this.#room && this.#loadFailed(error),
      isOpen: (room) => room === this.#room,
      changed: (room) => room === this.#room && this.#schedule(),
    });
    this.#scroller = new Scroller(byId('scroller'), { scrolled: () => this.#scrolled() });
    this.#now = new Reading(rooms, this.#scroller, () => this.#log);
    this.#jumps = new Jumps({
      room: () => this.#room,
      history: this.history,
      find: (id) => this.#view.find(id),
      show: () => this.#showUnread(),
      center: (row) => this.#place(row),
      restore: (place) => this.#restore(place),
      loadNewest: () => (this.#now.wantsEnd || !this.#now.isPlaced) && void this.#loadNewest(this.#room),
      gone: host.gone,
    });
    document.addEventListener('visibilitychange', () => this.#visibilityChanged());
  }

  /** @param {string} room @param {string} [id] a message that is to be shown in its place */
  open(room, id = '') {
    this.#room = room;
    this.#failure = null;
    this.#now.begin(room);
    this.#jumps.leave();
    this.#show();
    if (id) return this.jumpTo(id);
    const { loaded, atEnd } = this.#log;
    const isDivided = this.#now.unreadAfter === null || this.#view.find('unread');
    if (loaded && atEnd && isDivided) this.#place();
    else void this.#loadNewest(room);
  }

  /** A message of the stream. @param {Message} message */
  add(message) {
    const known = this.#rooms.get(message.room);
    const wasRead = known && unread(known) === 0 ? known.read?.id ?? null : null;
    this.#rooms.setNewest(message.room, message.id, message.number + 1);
    const log = this.history.find(message.room);
    if (!log) return;
    const isOpen = message.room === this.#room;
    const stays = isOpen && !(this.#scroller.follows && this.#now.isVisible);
    // The log is full: newer messages are loaded when the reader scrolls down.
    if (stays && log.items.length > MAX_ITEMS + PAGE) log.atEnd = false;
    const isNew = log.add(message);
    if (!stays) log.trim('top');
    if (!isOpen) return;
    if (this.#now.isSeeing) this.#rooms.markRead(this.#room);
    else if (!this.#host.isOwn(message)) this.#now.missed(wasRead, isNew || !log.atEnd);
    this.#now.delivered(message);
    this.#schedule();
  }

  /** The last message of the open room that is so. @param {(message: Message) => boolean} isSo @returns {Message | undefined} */
  findLast(isSo) {
    return this.#log.findLast(isSo);
  }

  /** A message of the open room. @param {string} id @returns {Message | undefined} */
  message(id) {
    return this.#log.find(id);
  }

  /**
   * Loads what is missing after a time without the stream, by the room's current
   * position.
   * @param {RoomPosition} place
   */
  reconcile(place) {
    const { room, newest, next } = place;
    this.#move(place);
    const log = this.history.find(room);
    if (!log?.loaded || !newest) return;
    const isMissing = !log.last || !isSameEpoch(log.last.id, newest) || log.last.number + 1 !== next;
    const missed = room === this.#room && log.atEnd && isMissing ? this.#loadMissed(room) : Promise.resolve();
    void missed.then(() => this.history.refresh(room));
  }

  /** The stream was resumed and replays missed messages, which count as new. @param {RoomPosition} place */
  resumed(place) {
    if (place.room === this.#room) this.#now.resumed(place);
    this.#move(place);
  }

  /** @param {RoomPosition} place */
  #move(place) {
    this.#now.move(place);
    this.#schedule();
  }

  /** The connection is back: retries a failed load. */
  back() {
    if (this.#failure !== null) this.open(this.#room, this.#jumps.target);
    else this.#visibilityChanged();
  }

  /** A message was sent: all others count as read, and the view scrolls to the end. */
  sent() {
    this.#now.unreadAfter = null;
    this.toNewest();
  }

  toNewest() {
    this.#host.toNewest();
    this.#now.toEnd(!this.#log.atEnd);
    this.#jumps.leave();
    if (!this.#log.atEnd) return void this.#loadNewest(this.#room);
    this.#now.below = 0;
    this.#scroller.toEnd();
    this.#show();
  }

  /** Shows a message in its place, and lights it up. @param {string} id */
  jumpTo(id) {
    void this.#jumps.to(id);
  }

  /** Where the reader is, for `returnTo`. @returns {Place} */
  get place() {
    return this.#scroller.place(this.#log.atEnd);
  }

  /** @param {Place} place */
  returnTo(place) {
    if (place) return void this.#jumps.back(place);
    if (!this.#log.atEnd) return void this.#loadNewest(this.#room);
    if (this.#now.nothingIsNew) this.#scroller.toEnd();
    else this.#place();
    this.#seen();
  }

  /** Changes the layout without moving the visible messages. @param {() => void} change */
  keeping(change) {
    const { place } = this;
    change();
    this.#scroller.restore(place);
  }

  /** Something lies over the log, or no longer. @param {boolean} on */
  cover(on) {
    if (this.#now.isCovered && !on) this.#now.comeBack();
    this.#now.isCovered = on;
    this.#schedule();
  }

  /** Updates rows whose content has changed. */
  refresh() {
    this.#schedule();
  }

  clear() {
    this.#host.toNewest();
    this.#log.clear();
    this.#schedule();
  }

  /** @param {number} pages */
  turn(pages) {
    this.#scroller.turn(pages);
  }

  get #log() {
    return this.history.log(this.#room);
  }

  #schedule() {
    if (this.#room) this.#drawing.request();
  }

  #show() {
    const [log, host] = [this.#log, this.#host];
    const viewer = {
      ...host.viewer(this.#room),
      unreadAfter: this.#now.unreadAfter,
      isWhole: log.top !== null || this.#now.unreadAfter !== null && log.after === this.#now.unreadAfter,
    };
    const stored = log.loaded || log.items.length > 0 ? null : log.stored;
    const rows = stored?.(viewer) ?? rowsOf(log.items, viewer);
    byId('log').classList.toggle('kept', stored !== null);
    const added = rows.filter(({ key }) => !this.#view.find(key)).length;
    const isPreview = preview.room === this.#room && !log.loaded && rows.length === 0 && this.#failure === null;
    if (!isPreview) preview.room = '';
    const change = () => {
      this.#top.show({ room: this.#room, log, failure: this.#failure });
      if (!isPreview) this.#view.show(rows);
      host.showOutbox();
    };
    this.#scroller.keeping(this.#scroller.follows && this.#wasAtEnd, () => (added > MAX_ANNOUNCED ? this.#view.quietly(change) : change()));
    host.showEmpty(emptinessOf(log, this.#rooms.get(this.#room)));
    this.#wasAtEnd = log.atEnd;
    this.#jumps.keepLit();
    host.shown();
    if (this.#now.returns && document.visibilityState === 'visible' && !this.#now.isCovered) this.#place();
    else this.#seen();
  }

  #scrolled() {
    const log = this.#log;
    if (log.loaded && this.#failure === null) {
      if (this.#scroller.isNearTop && log.top === null && !log.isCleared) void this.#loadOlder();
      // Not before the view is at the first unread message, which would be trimmed.
      const isReading = document.visibilityState === 'visible' && !this.#now.returns;
      if (isReading && this.#scroller.isNearBottom && !log.atEnd) void this.#loadNewer();
    }
    this.#seen();
  }

  /** Marks visible messages read and updates the button to the newest one. */
  #seen() {
    this.#now.see();
    const isAway = this.#log.loaded && !(this.#scroller.follows && this.#log.atEnd);
    this.#pill.show(isAway, this.#now.below);
  }

  /** The page was hidden or shown. */
  #visibilityChanged() {
    const isHidden = document.visibilityState !== 'visible';
    if (isHidden && this.#now.nothingIsNew) this.#now.unreadAfter = null;
    if (!isHidden) this.#now.comeBack();
    this.#schedule();
  }

  /** Scrolls to a row; otherwise to the first unread message, or to the end if there is none or the end was requested. @param {Element} [target] */
  #place(target) {
    const row = this.#view.find('unread');
    this.#scroller.toEnd();
    if (target) this.#scroller.toRow(target, true);
    else if (row && !this.#now.wantsEnd && !this.#now.nothingIsNew) this.#scroller.toRow(row);
    this.#now.placed();
    if (target) this.#scrolled();
    else this.#seen();
  }

  /** @param {Place} place */
  #restore(place) {
    this.#now.isPlaced = true;
    this.#scroller.restore(place);
    this.#scrolled();
  }

  /** Shows another part of history, of which nothing is read yet. */
  #showUnread() {
    this.#now.wantsEnd = false;
    this.#now.isPlaced = false;
    this.#show();
  }

  #retry() {
    this.#failure = null;
    if (this.#jumps.target) return this.jumpTo(this.#jumps.target);
    void (this.#log.loaded && this.#log.atEnd ? this.#loadOlder() : this.#loadNewest(this.#room));
  }

  /** @param {string} room */
  async #loadNewest(room) {
    const known = this.#rooms.get(room);
    const { made } = this.#jumps;
    if (!await this.history.newest(room, () => this.#now.wantsEnd) || room !== this.#room) return;
    if (!this.#now.wantsEnd && known?.read && unread(known) > 0) this.#now.unreadAfter ??= known.read.id;
    const { size, top } = this.#log;
    if (size < FIRST_MESSAGES && top === null) await this.#loadOlder();
    if (room !== this.#room) return;
    this.#show();
    if (made === this.#jumps.made && !this.#jumps.target) this.#place();
    // The first page is small, and may not fill the screen.
    if (size >= FIRST_MESSAGES && size < PAGE && top === null) void this.#loadOlder(PAGE - size);
  }

  /** Loads the messages after the last one in the log. @param {string} room */
  async #loadMissed(room) {
    const log = this.#log;
    if (!await this.history.missed(room)) return;
    if (room !== this.#room) return log.trim('top');
    const known = this.#rooms.get(room);
    if (this.#scroller.follows && known?.read && !this.#now.nothingIsNew) {
      this.#now.unreadAfter ??= known.read.id;
      this.#now.returns = true;
    } else log.trim('top');
    this.#schedule();
  }

  /** @param {number} [most] */
  async #loadOlder(most) {
    if (this.#log.loadingOlder) return;
    const older = this.history.older(this.#room, most);
    this.#show();
    await older;
    this.#show();
  }

  async #loadNewer() {
    const log = this.#log;
    if (!await this.history.newer(this.#room)) return;
    this.#schedule();
    if (log === this.#log && (this.#now.wantsEnd || !this.#now.isPlaced)) void this.#loadNewest(this.#room);
  }

  /** @param {unknown} error */
  #loadFailed(error) {
    this.#failure = { error };
    this.#schedule();
  }
}
