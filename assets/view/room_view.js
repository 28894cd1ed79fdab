// The view of the open room: which part of its log is on the page, when history
// (state/history.js) is loaded, and what is new or read.

import { wordsOfAnswer } from '../words/answers.js';
import { byId } from './dom.js';
import { Drawing } from './drawing.js';
import { keptRows } from './kept_view.js';
import { LogTop } from './log_top.js';
import { LogView } from './log_view.js';
import { Pill } from './pill.js';
import { isSameEpoch } from '../server/protocol.js';
import { FEW, History, PAGE } from '../state/history.js';
import { MAX_ITEMS } from '../state/room_log.js';
import { unread } from '../state/rooms.js';
import { rowsOf } from './rows.js';
import { Scroller } from './scroller.js';
import { Failure } from '../server/server.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {import('../server/protocol.js').Gap} Gap
 * @typedef {import('../stream/snapshot.js').RoomPosition} RoomPosition
 * @typedef {{viewer(room: string): import('./rows.js').Viewer, isOwn(message: Message): boolean,
 *            arrived(message: Message): void, showOutbox(): void, shown(): void, endSearch(): void,
 *            showEmpty(why: import('./empty_view.js').Emptiness | null): void}} Host the page around the view
 */

/** More new rows than this at once are history, and not announced to screen readers. */
const MAX_ANNOUNCED = 10;
/** After this without an answer, stored messages are shown. */
const KEPT_MS = 1_500;

export class RoomView {
  #room = '';
  #rooms;
  #host;
  /** The logs of the rooms. */
  history;
  #view = new LogView(byId('log'));
  #scroller;
  #top = new LogTop({ retry: () => this.#retry(), older: () => void this.#loadOlder() });
  #pill = new Pill(() => this.toNewest());
  /** The last read message: the divider of new messages is below it. @type {string | null} */
  #unreadAfter = null;
  /** New messages below the visible part. */
  #below = 0;
  /** Whether the view has been scrolled to the reader's start; nothing is marked read before. */
  #isPlaced = false;
  /** The newest page is being loaded in order to scroll to its end. */
  #wantsEnd = false;
  /** The next update scrolls to the first new message; nothing is marked read before. */
  #returns = false;
  /** The newest message at a reconnect, by id and number, until the stream has delivered it. @type {{id: string, number: number} | null} */
  #catchesUpTo = null;
  /** The scroll position before a search. @type {{place: ReturnType<Scroller['place']>} | null} */
  #search = null;
  /** Whether the last update included the newest message. */
  #wasAtEnd = true;
  #drawing = new Drawing(() => this.#show());
  /** Why loading has failed, as text, which may be empty. @type {string | null} */
  #failure = null;

  /** @param {import('../state/rooms.js').Rooms} rooms @param {Host} host */
  constructor(rooms, host) {
    this.#rooms = rooms;
    this.#host = host;
    this.history = new History(rooms, {
      arrived: host.arrived,
      failed: (room, error) => this.#loadFailed(room, error),
      isOpen: (room) => room === this.#room,
      changed: (room) => room === this.#room && this.#schedule(),
    });
    this.#scroller = new Scroller(byId('scroller'), { scrolled: () => this.#scrolled() });
    document.addEventListener('visibilitychange', () => this.#visibilityChanged());
  }

  /** @param {string} room */
  open(room) {
    this.#room = room;
    const known = this.#rooms.get(room);
    this.#unreadAfter = known?.read && unread(known) > 0 ? known.read.id : null;
    this.#below = 0;
    this.#failure = null;
    this.#isPlaced = false;
    this.#wantsEnd = false;
    this.#returns = false;
    this.#catchesUpTo = null;
    this.#show();
    const { loaded, atEnd } = this.#log;
    const isDivided = this.#unreadAfter === null || this.#view.find('unread');
    if (loaded && atEnd && isDivided) return this.#place();
    void this.#loadNewest(room);
    setTimeout(() => this.history.useKept(room), KEPT_MS);
  }

  /** A message of the stream. @param {Message} message */
  add(message) {
    const known = this.#rooms.get(message.room);
    const wasRead = known && unread(known) === 0 ? known.read?.id ?? null : null;
    this.#rooms.setNewest(message.room, message.id, message.number + 1);
    const log = this.history.find(message.room);
    if (!log) return;
    const isOpen = message.room === this.#room;
    const stays = isOpen && !(this.#scroller.follows && this.#isVisible);
    // The log is full: newer messages are loaded when the reader scrolls down.
    if (stays && log.items.length > MAX_ITEMS + PAGE) log.atEnd = false;
    const isNew = log.add(message);
    if (!stays) log.trim('top');
    if (!isOpen) return;
    if (this.#isSeeing) this.#rooms.markRead(this.#room);
    else if (!this.#host.isOwn(message)) {
      this.#unreadAfter = wasRead ?? this.#unreadAfter ?? known?.read?.id ?? null;
      if (isNew || !log.atEnd) this.#below += 1;
    }
    if (this.#catchesUpTo && (message.number >= this.#catchesUpTo.number || !isSameEpoch(this.#catchesUpTo.id, message.id))) {
      this.#catchesUpTo = null;
      this.#returns = this.#scroller.follows;
    }
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
  reconcile({ room, newest, next }) {
    this.#move({ room, newest, next });
    const log = this.history.find(room);
    if (!log?.loaded || !newest) return;
    const isMissing = !log.last || !isSameEpoch(log.last.id, newest) || log.last.number + 1 !== next;
    const missed = room === this.#room && log.atEnd && isMissing ? this.#loadMissed(room) : Promise.resolve();
    void missed.then(() => this.history.refresh(room));
  }

  /** The stream was resumed and replays missed messages, which count as new. @param {RoomPosition} place */
  resumed({ room, newest, next }) {
    const { last, atEnd } = this.#log;
    // By numbers: the newest entry may be an event of a program, which is not delivered here.
    const isBehind = newest !== null && last !== undefined && (last.number + 1 < next || !isSameEpoch(last.id, newest));
    const catchesUp = isBehind && atEnd && this.#isPlaced && this.#scroller.follows;
    if (room === this.#room) this.#catchesUpTo = catchesUp ? { id: newest, number: next - 1 } : null;
    this.#move({ room, newest, next });
  }

  /** The room has new messages that were not shown: they begin after the last read one. @param {RoomPosition} place */
  #move({ room, newest, next }) {
    const known = this.#rooms.get(room);
    const wasRead = known && unread(known) === 0 ? known.read : null;
    this.#rooms.setNewest(room, newest, next);
    if (room === this.#room && wasRead && !this.#nothingIsNew) this.#unreadAfter = wasRead.id;
    this.#schedule();
  }

  /** The connection is back: retries a failed load. */
  back() {
    if (this.#failure !== null) this.open(this.#room);
    else this.#visibilityChanged();
  }

  /** A message was sent: all others count as read, and the view scrolls to the end. */
  sent() {
    this.#unreadAfter = null;
    this.toNewest();
  }

  toNewest() {
    this.#host.endSearch();
    this.#returns = false;
    this.#catchesUpTo = null;
    if (this.#log.atEnd) {
      this.#below = 0;
      this.#scroller.toEnd();
      this.#show();
    } else {
      this.#wantsEnd = true;
      void this.#loadNewest(this.#room);
    }
  }

  /** Updates rows whose content has changed. */
  refresh() {
    this.#schedule();
  }

  /** A search begins or ends. @param {boolean} on */
  filter(on) {
    if (on) {
      this.#search = { place: this.#scroller.place() };
      return this.#showTop();
    }
    const place = this.#search?.place ?? null;
    this.#search = null;
    this.#showTop();
    if (place || this.#nothingIsNew) this.#scroller.restore(place);
    else this.#place();
    this.#seen();
  }

  clear() {
    this.#host.endSearch();
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

  /** Why no message is shown. @returns {import('./empty_view.js').Emptiness | null} */
  get #emptiness() {
    const { top, items, atEnd } = this.#log;
    const hasEntries = items.some(({ kind }) => kind !== 'people');
    if (top === null || hasEntries || byId('outbox').childElementCount > 0 || !atEnd) return null;
    const room = this.#rooms.get(this.#room);
    return top === 'evicted' || Math.max(room?.read?.number ?? 0, (room?.next ?? 1) - 1) > 0 ? 'gone' : 'new';
  }

  /** Whether the end of the log is visible to the reader when drawn. */
  get #isVisible() {
    return document.visibilityState === 'visible' && !this.#search && !this.#returns && this.#catchesUpTo === null;
  }

  /** Whether a new message is seen at once. */
  get #isSeeing() {
    return this.#isVisible && this.#isPlaced && this.#scroller.follows && this.#log.atEnd;
  }

  get #nothingIsNew() {
    const room = this.#rooms.get(this.#room);
    return !room || unread(room) === 0;
  }

  #schedule() {
    if (this.#room) this.#drawing.request();
  }

  #show() {
    const [log, host] = [this.#log, this.#host];
    const viewer = {
      ...host.viewer(this.#room),
      unreadAfter: this.#unreadAfter,
      isWhole: log.top !== null || this.#unreadAfter !== null && log.after === this.#unreadAfter,
    };
    const stored = log.loaded || log.items.length > 0 ? null : log.kept;
    const rows = stored ? keptRows(stored, viewer) : rowsOf(log.items, viewer);
    byId('log').classList.toggle('kept', stored !== null);
    const added = rows.filter(({ key }) => !this.#view.find(key)).length;
    const change = () => {
      this.#showTop();
      this.#view.show(rows);
      host.showOutbox();
    };
    this.#scroller.keeping(this.#scroller.follows && this.#wasAtEnd, () => (added > MAX_ANNOUNCED ? this.#view.quietly(change) : change()));
    host.showEmpty(this.#emptiness);
    this.#wasAtEnd = log.atEnd;
    host.shown();
    if (this.#returns && document.visibilityState === 'visible' && !this.#search) this.#place();
    else this.#seen();
  }

  #showTop() {
    this.#top.show({ room: this.#room, log: this.#log, failure: this.#failure, isSearched: this.#search !== null });
  }

  #scrolled() {
    const log = this.#log;
    if (log.loaded && this.#failure === null && !this.#search) {
      if (this.#scroller.isNearTop && log.top === null && !log.isCleared) void this.#loadOlder();
      // Not before the view is at the first unread message, which would be trimmed.
      const isReading = document.visibilityState === 'visible' && !this.#returns;
      if (isReading && this.#scroller.isNearBottom && !log.atEnd) void this.#loadNewer();
    }
    this.#seen();
  }

  /** Marks visible messages read and updates the button to the newest one. */
  #seen() {
    if (this.#isSeeing && this.#log.loaded) {
      this.#below = 0;
      this.#rooms.markRead(this.#room);
    }
    const isAway = this.#log.loaded && !(this.#scroller.follows && this.#log.atEnd);
    this.#pill.show(isAway && (this.#search === null || this.#below > 0), this.#below);
  }

  /** The page was hidden or shown. */
  #visibilityChanged() {
    const isHidden = document.visibilityState !== 'visible';
    if (isHidden && this.#nothingIsNew) this.#unreadAfter = null;
    this.#returns ||= !isHidden && this.#isPlaced && this.#scroller.follows && !this.#nothingIsNew;
    this.#schedule();
  }

  /** Scrolls to the first unread message, or to the end if there is none or the end was requested. */
  #place() {
    const row = this.#view.find('unread');
    const room = this.#rooms.get(this.#room);
    this.#scroller.toEnd();
    if (row && !this.#wantsEnd && !this.#nothingIsNew) this.#scroller.toRow(row);
    this.#below = room && !this.#scroller.follows ? unread(room) : 0;
    this.#isPlaced = true;
    this.#wantsEnd = false;
    this.#returns = false;
    this.#seen();
  }

  #retry() {
    this.#failure = null;
    void (this.#log.loaded && this.#log.atEnd ? this.#loadOlder() : this.#loadNewest(this.#room));
  }

  /** @param {string} room */
  async #loadNewest(room) {
    const known = this.#rooms.get(room);
    if (!await this.history.newest(room, () => this.#wantsEnd) || room !== this.#room) return;
    if (!this.#wantsEnd && known?.read && unread(known) > 0) this.#unreadAfter ??= known.read.id;
    const { size, top } = this.#log;
    if (size < FEW && top === null) await this.#loadOlder();
    if (room !== this.#room) return;
    this.#show();
    this.#place();
  }

  /** Loads the messages after the last one in the log. @param {string} room */
  async #loadMissed(room) {
    const log = this.#log;
    if (!await this.history.missed(room)) return;
    if (room !== this.#room) return log.trim('top');
    const known = this.#rooms.get(room);
    if (this.#scroller.follows && known?.read && !this.#nothingIsNew) {
      this.#unreadAfter ??= known.read.id;
      this.#returns = true;
    } else log.trim('top');
    this.#schedule();
  }

  async #loadOlder() {
    if (this.#log.loadingOlder) return;
    // A search keeps its results.
    const older = this.history.older(this.#room, () => this.#search !== null);
    this.#show();
    await older;
    this.#show();
  }

  async #loadNewer() {
    const log = this.#log;
    if (!await this.history.newer(this.#room)) return;
    this.#schedule();
    if (log === this.#log && (this.#wantsEnd || !this.#isPlaced)) void this.#loadNewest(this.#room);
  }

  /** @param {string} room @param {unknown} error */
  #loadFailed(room, error) {
    if (room !== this.#room) return;
    this.#failure = error instanceof Failure && error.status > 0 ? wordsOfAnswer(error) : '';
    this.#schedule();
  }
}
