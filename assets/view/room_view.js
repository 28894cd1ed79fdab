// The view of the open room: which part of its log is on the page, when history
// is loaded, and what is new or read.

import { wordsOfAnswer } from '../words/answers.js';
import { byId, button, make } from './dom.js';
import { translate } from '../words/language.js';
import { kept } from '../state/kept.js';
import { keptRows } from './kept_view.js';
import { LogView } from './log_view.js';
import { isSameEpoch, startOf } from '../server/protocol.js';
import { MAX_ITEMS, RoomLog } from '../state/room_log.js';
import { unread } from '../state/rooms.js';
import { rowsOf } from './rows.js';
import { Scroller } from './scroller.js';
import { Failure, server } from '../server/server.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {import('../server/protocol.js').Gap} Gap
 * @typedef {import('../stream/snapshot.js').RoomPosition} RoomPosition
 * @typedef {{viewer(room: string): import('./rows.js').Viewer, isOwn(message: Message): boolean,
 *            arrived(message: Message): void, showOutbox(): void, shown(): void, endSearch(): void,
 *            showEmpty(why: import('./empty_view.js').Emptiness | null): void}} Host the page around the view
 */

const PAGE = 50;
/** Fewer messages than this may not fill the screen. The most pages that are loaded for them, among events of programs. */
const [FEW, MAX_PAGES] = [20, 10];
/** Entries that are loaded again when changes may have been lost. */
const MAX_REFRESHED = 500;
/** The most unread messages loaded at once when a room is opened. */
const MAX_FIRST = 200;
/** After each update, the idle time in multiples of its duration: under load, drawing must not block typing. */
const IDLE_FACTOR = 5;
/** More new rows than this at once are history, and not announced to screen readers. */
const MAX_ANNOUNCED = 10;
/** After this without an answer, stored messages are shown. */
const KEPT_MS = 1_500;

export class RoomView {
  /** @type {Map<string, RoomLog>} */
  #logs = new Map();
  #room = '';
  #rooms;
  #host;
  #view = new LogView(byId('log'));
  #scroller;
  #top = byId('top');
  #topHadFocus = false;
  #pill = byId('pill');
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
  #scheduled = false;
  #idleUntil = 0;
  #failed = false;
  /** Why loading failed, as text. */
  #failure = '';

  /** @param {import('../state/rooms.js').Rooms} rooms @param {Host} host */
  constructor(rooms, host) {
    this.#rooms = rooms;
    this.#host = host;
    this.#scroller = new Scroller(byId('scroller'), { scrolled: () => this.#scrolled() });
    this.#pill.addEventListener('click', () => this.toNewest());
    document.addEventListener('visibilitychange', () => this.#visibilityChanged());
  }

  /** @param {string} room */
  open(room) {
    this.#room = room;
    const known = this.#rooms.get(room);
    this.#unreadAfter = known?.read && unread(known) > 0 ? known.read.id : null;
    this.#below = 0;
    this.#failed = false;
    this.#isPlaced = false;
    this.#wantsEnd = false;
    this.#returns = false;
    this.#catchesUpTo = null;
    const log = this.#log;
    this.#show();
    const isDivided = this.#unreadAfter === null || this.#view.find('unread');
    if (log.loaded && log.atEnd && isDivided) return this.#place();
    void this.#loadNewest(room);
    setTimeout(() => this.#useKept(log, room), KEPT_MS);
  }

  /** Shows what is stored of a room while the server does not answer. @param {RoomLog} log @param {string} room */
  #useKept(log, room) {
    if (log.loaded || log.items.length > 0) return;
    log.kept ??= kept.get(room);
    if (log.kept && room === this.#room) this.#schedule();
  }

  /** Stores the last messages of rooms. @param {string[]} rooms */
  keep(rooms) {
    for (const room of rooms) {
      const log = this.#logs.get(room);
      if (log?.loaded && log.atEnd) kept.set(room, log.items.flatMap((item) => (item.kind === 'message' ? item.message : [])));
    }
  }

  /** A session has begun or ended: stored messages are those of another one. */
  forgetKept() {
    for (const log of this.#logs.values()) log.kept = null;
    this.#schedule();
  }

  /** @param {string} room */
  forget(room) {
    this.#logs.delete(room);
  }

  /** A message of the stream. @param {Message} message */
  add(message) {
    const known = this.#rooms.get(message.room);
    const wasRead = known && unread(known) === 0 ? known.read?.id ?? null : null;
    this.#rooms.setNewest(message.room, message.id, message.number + 1);
    const log = this.#logs.get(message.room);
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

  /** A message was edited, deleted or reacted to. @param {Message} message */
  change(message) {
    if (this.#logs.get(message.room)?.change(message) && message.room === this.#room) this.#schedule();
  }

  /** The last message of the open room that is so. @param {(message: Message) => boolean} isSo @returns {Message | undefined} */
  findLast(isSo) {
    const item = this.#log.items.findLast((item) => item.kind === 'message' && isSo(item.message));
    return item?.kind === 'message' ? item.message : undefined;
  }

  /** A message of the open room. @param {string} id @returns {Message | undefined} */
  message(id) {
    for (const item of this.#log.items) if (item.kind === 'message' && item.message.id === id) return item.message;
    return undefined;
  }

  /** A gap event of the stream. @param {Gap} gap */
  addGap(gap) {
    this.#logs.get(gap.room)?.addGap(gap);
    if (gap.reason !== 'restart') this.#refreshMessages(gap.room);
    if (gap.room === this.#room) this.#schedule();
  }

  /** Changes of loaded messages may have been lost. @param {string} room */
  #refreshMessages(room) {
    const log = this.#logs.get(room);
    if (!log?.loaded || log.loading) return;
    if (room !== this.#room) log.loaded = false;
    else if (log.last) void this.#loadStates(log, room);
  }

  /** @param {RoomLog} log @param {string} room */
  async #loadStates(log, room) {
    log.begin();
    const page = await server.messages(room, { limit: MAX_REFRESHED }).catch(() => null);
    log.refresh(page?.messages ?? []);
    log.end();
    this.#schedule();
  }

  /** @param {string} room @param {'joined' | 'left'} what @param {string} name */
  addPresence(room, what, name) {
    this.#logs.get(room)?.addPresence(what, name);
    if (room === this.#room) this.#schedule();
  }

  /** A member was renamed. @param {import('../state/room_log.js').Renaming} renaming @param {string} [room] all rooms without it */
  addRenaming(renaming, room) {
    for (const [name, log] of this.#logs) if (room === undefined || name === room) log.addRenaming(renaming);
    this.#schedule();
  }

  /** Messages that the server accepted but the stream will not deliver. @param {Message[]} messages */
  addLost(messages) {
    for (const message of messages) this.#logs.get(message.room)?.add(message);
    this.#schedule();
  }

  /** Removes the first copy of a message that was accepted again after a restart of the server. @param {string} room @param {string} id */
  drop(room, id) {
    this.#logs.get(room)?.drop(id);
    this.#schedule();
  }

  /**
   * Loads what is missing after a time without the stream, by the room's current
   * position.
   * @param {RoomPosition} place
   */
  reconcile({ room, newest, next }) {
    this.#move({ room, newest, next });
    const log = this.#logs.get(room);
    if (!log?.loaded || !newest) return;
    const isMissing = !log.last || !isSameEpoch(log.last.id, newest) || log.last.number + 1 !== next;
    const missed = room === this.#room && log.atEnd && isMissing ? this.#loadMissed(room) : Promise.resolve();
    void missed.then(() => this.#refreshMessages(room));
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
    if (this.#failed) this.open(this.#room);
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
    let log = this.#logs.get(this.#room);
    if (!log) this.#logs.set(this.#room, log = new RoomLog());
    return log;
  }

  /** Who has written in the loaded part of the open room, the latest first. */
  get speakers() {
    const names = this.#log.items.flatMap((item) => (item.kind === 'message' && item.message.name ? item.message.name : []));
    return [...new Set(names.reverse())];
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
    if (this.#scheduled || !this.#room) return;
    this.#scheduled = true;
    const show = () => requestAnimationFrame((from) => {
      this.#scheduled = false;
      this.#show();
      this.#idleUntil = from + (performance.now() - from) * IDLE_FACTOR;
    });
    const rest = this.#idleUntil - performance.now();
    if (rest > 0) setTimeout(show, rest);
    else show();
  }

  #show() {
    const log = this.#log;
    const host = this.#host;
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
    const { loaded, loadingOlder, top, items } = this.#log;
    // Restores the focus of a pressed button after it is replaced.
    this.#topHadFocus = this.#top.contains(document.activeElement) || this.#topHadFocus && document.activeElement === document.body;
    this.#top.replaceChildren();
    if (this.#failed) {
      this.#top.append(make('p', '', `${translate('loadFailed')} ${this.#failure}`.trim()), button('quiet', translate('tryAgain'), () => this.#retry()));
    } else if (!loaded || loadingOlder) this.#top.append(make('p', '', translate('loading')));
    else if (top === null) this.#top.append(button('quiet', translate(this.#search ? 'searchOlder' : 'loadOlder'), () => void this.#loadOlder()));
    else if (items.some(({ kind }) => kind !== 'people')) {
      this.#top.append(make('p', '', top === 'beginning' ? translate('beginning', { room: this.#room }) : translate('noOlder')));
    }
    if (this.#topHadFocus) this.#top.querySelector('button')?.focus();
  }

  #scrolled() {
    const log = this.#log;
    if (log.loaded && !this.#failed && !this.#search) {
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
    this.#pill.hidden = !isAway || this.#search !== null && this.#below === 0;
    this.#pill.textContent = this.#below > 0 ? translate('newestOnes', { n: this.#below }) : translate('toNewest');
    this.#pill.classList.toggle('news', this.#below > 0);
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
    this.#failed = false;
    const { loaded, atEnd } = this.#log;
    void (loaded && atEnd ? this.#loadOlder() : this.#loadNewest(this.#room));
  }

  /** @param {string} room */
  async #loadNewest(room) {
    const log = this.#log;
    if (log.loading) return;
    const known = this.#rooms.get(room);
    const limit = Math.min(MAX_FIRST, Math.max(PAGE, known ? unread(known) + 20 : 0));
    const page = await this.#load(log, room, { limit });
    if (!page) return;
    const last = page.messages.at(-1);
    // Only events of programs say nothing about numbers.
    if (last || page.size === 0) this.#rooms.setNewest(room, page.newest, (last?.number ?? 0) + 1);
    const isShort = page.size === limit && known && unread(known) >= limit;
    if (!isShort || this.#wantsEnd) log.reset(page, limit);
    else if (!await this.#loadUnread(log, known)) return;
    if (room !== this.#room) return;
    if (!this.#wantsEnd && known?.read && unread(known) > 0) this.#unreadAfter ??= known.read.id;
    if (log.size < FEW && log.top === null) await this.#loadOlder();
    if (room !== this.#room) return;
    this.#show();
    this.#place();
  }

  /** Loads from the first unread message on, if the newest page does not include it. @param {RoomLog} log @param {import('../state/rooms.js').Room} room */
  async #loadUnread(log, { name, read, newest }) {
    const after = read && newest && isSameEpoch(read.id, newest) ? read.id : startOf(newest ?? '');
    const page = await this.#load(log, name, { after, limit: MAX_FIRST });
    if (!page) return false;
    log.reset(page, 0, page.size < MAX_FIRST);
    log.after = read?.id ?? null;
    return true;
  }

  /** Loads the messages after the last one in the log. @param {string} room */
  async #loadMissed(room) {
    const log = this.#log;
    if (log.loading) return;
    const { to } = log;
    const newest = this.#rooms.get(room)?.newest;
    const after = to && newest && isSameEpoch(to, newest) ? to : undefined;
    const page = await this.#load(log, room, { after, limit: PAGE * 10 });
    if (!page) return;
    log.append(page, page.size < PAGE * 10);
    if (room !== this.#room) return log.trim('top');
    const known = this.#rooms.get(room);
    if (this.#scroller.follows && known?.read && !this.#nothingIsNew) {
      this.#unreadAfter ??= known.read.id;
      this.#returns = true;
    } else log.trim('top');
    this.#schedule();
  }

  async #loadOlder() {
    const log = this.#log;
    const room = this.#room;
    if (log.loadingOlder) return;
    log.loadingOlder = true;
    this.#show();
    for (let [pages, found] = [0, 0]; pages < MAX_PAGES && found < FEW; pages += 1) found += await this.#loadPage(log, room);
    log.loadingOlder = false;
    this.#show();
  }

  /** Loads the page before a log. @param {RoomLog} log @param {string} room @returns {Promise<number>} of messages; Infinity if there are no more pages */
  async #loadPage(log, room) {
    const { from, first } = log;
    const page = await this.#fetch(log, room, { before: from, limit: PAGE });
    // The log may have changed meanwhile.
    if (!page || log.from !== from || log.first?.id !== first?.id) return Infinity;
    log.prepend(page, PAGE);
    // A search keeps its results.
    if (!this.#search) log.trim('bottom');
    return log.top === null ? page.messages.length : Infinity;
  }

  async #loadNewer() {
    const log = this.#log;
    const { to } = log;
    if (log.loading || !to) return;
    const page = await this.#load(log, this.#room, { after: to, limit: PAGE });
    if (!page) return;
    log.append(page, page.size < PAGE);
    log.trim('top');
    this.#schedule();
    if (log === this.#log && (this.#wantsEnd || !this.#isPlaced)) void this.#loadNewest(this.#room);
  }

  /**
   * Loads a page for the end of a log. Messages of the stream are queued meanwhile.
   * @param {RoomLog} log @param {string} room @param {{after?: string, limit: number}} query
   */
  async #load(log, room, query) {
    const { last } = log;
    log.loading = true;
    const page = await this.#fetch(log, room, query);
    log.loading = false;
    if (page && log.last?.id === last?.id) return page;
    // Queued messages do not follow the log without a gap.
    if (!page) log.atEnd = false;
    log.settle();
    this.#schedule();
    return null;
  }

  /** @param {RoomLog} log @param {string} room @param {{before?: string, after?: string, limit: number}} query */
  async #fetch(log, room, query) {
    log.begin();
    try {
      const page = await server.messages(room, query);
      page.messages.forEach(this.#host.arrived);
      return page;
    } catch (error) {
      if (error instanceof Failure && error.isPassing) this.#useKept(log, room);
      else log.kept = null;
      if (room === this.#room) {
        this.#failed = true;
        this.#failure = error instanceof Failure && error.status > 0 ? wordsOfAnswer(error) : '';
        this.#schedule();
      }
      return null;
    } finally {
      log.end();
    }
  }
}
