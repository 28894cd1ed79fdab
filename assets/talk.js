// The talk of the open room: which part of it is on the page, what is loaded
// when, what is new, and what counts as read.

import { wordsOfAnswer } from './answers.js';
import { byId, button, make } from './dom.js';
import { say } from './language.js';
import { LogView } from './log_view.js';
import { isSameEpoch, isUpTo, startOf } from './protocol.js';
import { MAX_ITEMS, RoomLog } from './room_log.js';
import { unread } from './rooms.js';
import { rowsOf } from './rows.js';
import { Scroller } from './scroller.js';
import { Failure, server } from './server.js';

/**
 * @typedef {import('./protocol.js').Message} Message
 * @typedef {import('./protocol.js').Gap} Gap
 * @typedef {import('./snapshot.js').Place} Place
 * @typedef {{me(): string, names(room: string): string[], isOwn(message: Message): boolean,
 *            arrived(message: Message): void, showOutbox(): void, shown(): void, endSearch(): void}} Circle who talks here
 */

const PAGE = 50;
/** Unread messages that are loaded at once when a room is opened. */
const MAX_FIRST = 200;
/** In a flood, drawing takes at most one part in so many of the time: the rest is for who writes. */
const REST = 5;
/** So many rows at once are history, not talk, and are not read out. */
const MANY = 10;

export class Talk {
  /** @type {Map<string, RoomLog>} */
  #logs = new Map();
  #room = '';
  #rooms;
  #circle;
  #view = new LogView(byId('log'));
  #scroller;
  #top = byId('top');
  #topHadFocus = false;
  #pill = byId('pill');
  /** The last message that was read when its reader left: above what is new. @type {string | null} */
  #unreadAfter = null;
  /** New messages that are below what is seen. */
  #below = 0;
  /** Whether the open room's talk has been brought to where its reader begins: nothing counts as read before. */
  #isPlaced = false;
  /** Somebody wants to see the newest message, which is being loaded. */
  #wantsEnd = false;
  /** The page goes to what is new when it is drawn next: until then, nothing more counts as read. */
  #returns = false;
  /** The newest message when the connection came back, until the stream has brought it. @type {string | null} */
  #catchesUpTo = null;
  /** Where the reader was before some messages were hidden. @type {{place: ReturnType<Scroller['place']>} | null} */
  #search = null;
  /** Whether the newest message was on the page when it was last drawn. */
  #wasAtEnd = true;
  #scheduled = false;
  #restUntil = 0;
  #failed = false;
  /** The answer that came in place of what was to be loaded, in words. */
  #why = '';

  /** @param {import('./rooms.js').Rooms} rooms @param {Circle} circle */
  constructor(rooms, circle) {
    this.#rooms = rooms;
    this.#circle = circle;
    this.#scroller = new Scroller(byId('scroller'), { scrolled: () => this.#scrolled() });
    this.#pill.addEventListener('click', () => this.toNewest());
    document.addEventListener('visibilitychange', () => this.#looked());
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
    if (log.loaded && log.atEnd && isDivided) this.#place();
    else void this.#loadNewest(room);
  }

  /** @param {string} room */
  forget(room) {
    this.#logs.delete(room);
  }

  /** A message of the stream. @param {Message} message */
  add(message) {
    const known = this.#rooms.get(message.room);
    const wasRead = known && unread(known) === 0 ? known.read?.id ?? null : null;
    this.#rooms.at(message.room, message.id, message.number + 1);
    const log = this.#logs.get(message.room);
    if (!log) return;
    const isOpen = message.room === this.#room;
    const stays = isOpen && !(this.#scroller.follows && this.#isLookedAt);
    // Far from the end, nothing more is put there: it is loaded when it is wanted.
    if (stays && log.items.length > MAX_ITEMS + PAGE) log.atEnd = false;
    const isNew = log.add(message);
    if (!stays) log.trim('top');
    if (!isOpen) return;
    if (this.#sees) this.#rooms.markRead(this.#room);
    else if (!this.#circle.isOwn(message)) {
      this.#unreadAfter = wasRead ?? this.#unreadAfter ?? known?.read?.id ?? null;
      if (isNew || !log.atEnd) this.#below += 1;
    }
    if (this.#catchesUpTo && (isUpTo(this.#catchesUpTo, message.id) || !isSameEpoch(this.#catchesUpTo, message.id))) {
      this.#catchesUpTo = null;
      this.#returns = this.#scroller.follows;
    }
    this.#schedule();
  }

  /** A hole that the stream announced. @param {Gap} gap */
  addGap(gap) {
    this.#logs.get(gap.room)?.addGap(gap);
    if (gap.room === this.#room) this.#schedule();
  }

  /** @param {string} room @param {'joined' | 'left'} what @param {string} name */
  addComing(room, what, name) {
    this.#logs.get(room)?.addComing(what, name);
    if (room === this.#room) this.#schedule();
  }

  /** Somebody here has another name, in all rooms. @param {import('./room_log.js').Renaming} renaming */
  addRenaming(renaming) {
    for (const log of this.#logs.values()) log.addRenaming(renaming);
    this.#schedule();
  }

  /** Messages that the server took, but the stream will not bring. @param {Message[]} messages */
  addLost(messages) {
    for (const message of messages) this.#logs.get(message.room)?.add(message);
    this.#schedule();
  }

  /** The server was restarted, and has taken a message once more: its first form goes. @param {string} room @param {string} id */
  drop(room, id) {
    this.#logs.get(room)?.drop(id);
    this.#schedule();
  }

  /**
   * Where a room's talk is by now, after a time in which the stream was not
   * heard from: what is missing is loaded.
   * @param {Place} place
   */
  reconcile({ room, newest, next }) {
    this.#move({ room, newest, next });
    const log = this.#logs.get(room);
    if (!log?.loaded || !log.atEnd || !newest || log.last?.id === newest) return;
    if (room === this.#room) void this.#loadMissed(room);
    else log.loaded = false;
  }

  /** The stream goes on, and brings what was missed: it is new, however fast it comes. @param {Place} place */
  resumed({ room, newest, next }) {
    const { last, atEnd } = this.#log;
    const isBehind = newest !== null && last !== undefined && last.id !== newest;
    if (room === this.#room) this.#catchesUpTo = isBehind && atEnd && this.#isPlaced && this.#scroller.follows ? newest : null;
    this.#move({ room, newest, next });
  }

  /** A room's talk went on unseen: what is new begins after what had been read. @param {Place} place */
  #move({ room, newest, next }) {
    const known = this.#rooms.get(room);
    const wasRead = known && unread(known) === 0 ? known.read : null;
    this.#rooms.at(room, newest, next);
    if (room === this.#room && wasRead && !this.#nothingIsNew) this.#unreadAfter = wasRead.id;
  }

  /** The connection is back: what could not be loaded is tried again. */
  back() {
    if (this.#failed) this.open(this.#room);
    else this.#looked();
  }

  /** Something was sent: its sender has seen the rest, and wants to see it. */
  spoke() {
    this.#unreadAfter = null;
    this.toNewest();
  }

  toNewest() {
    this.#circle.endSearch();
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

  /** Makes the rows anew where they look different by now. */
  refresh() {
    this.#schedule();
  }

  /** Some messages are about to be hidden, or all are shown again. @param {boolean} on */
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
    this.#circle.endSearch();
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

  /** Whether somebody sees all of what is drawn at the end. */
  get #isLookedAt() {
    return document.visibilityState === 'visible' && !this.#search && !this.#returns && this.#catchesUpTo === null;
  }

  /** Whether what comes now is seen. */
  get #sees() {
    return this.#isLookedAt && this.#isPlaced && this.#scroller.follows && this.#log.atEnd;
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
      this.#restUntil = from + (performance.now() - from) * REST;
    });
    const rest = this.#restUntil - performance.now();
    if (rest > 0) setTimeout(show, rest);
    else show();
  }

  #show() {
    const log = this.#log;
    const circle = this.#circle;
    const rows = rowsOf(log.items, {
      me: circle.me(),
      names: circle.names(this.#room),
      isOwn: circle.isOwn,
      unreadAfter: this.#unreadAfter,
      isWhole: log.top !== null || this.#unreadAfter !== null && log.after === this.#unreadAfter,
    });
    const added = rows.filter(({ key }) => !this.#view.find(key)).length;
    const change = () => {
      this.#showTop();
      this.#view.show(rows);
      circle.showOutbox();
    };
    this.#scroller.keeping(this.#scroller.follows && this.#wasAtEnd, () => (added > MANY ? this.#view.quietly(change) : change()));
    byId('empty').hidden = log.top !== 'beginning' || log.items.length > 0 || byId('outbox').childElementCount > 0 || !log.atEnd;
    this.#wasAtEnd = log.atEnd;
    circle.shown();
    if (this.#returns && document.visibilityState === 'visible' && !this.#search) this.#place();
    else this.#seen();
  }

  #showTop() {
    const { loaded, loadingOlder, top, items } = this.#log;
    // A button that was pressed gets the focus again when it is back.
    this.#topHadFocus = this.#top.contains(document.activeElement) || this.#topHadFocus && document.activeElement === document.body;
    this.#top.replaceChildren();
    if (this.#failed) {
      this.#top.append(make('p', '', `${say('loadFailed')} ${this.#why}`.trim()), button('quiet', say('tryAgain'), () => this.#retry()));
    } else if (!loaded || loadingOlder) this.#top.append(make('p', '', say('loading')));
    else if (top === null) this.#top.append(button('quiet', say(this.#search ? 'searchOlder' : 'loadOlder'), () => void this.#loadOlder()));
    else if (items.length > 0) {
      this.#top.append(make('p', '', top === 'beginning' ? say('beginning', { room: this.#room }) : say('noOlder')));
    }
    if (this.#topHadFocus) this.#top.querySelector('button')?.focus();
  }

  #scrolled() {
    const log = this.#log;
    if (log.loaded && !this.#failed && !this.#search) {
      if (this.#scroller.isNearTop && log.top === null && !log.isCleared) void this.#loadOlder();
      // Not before a reader who comes back is at the first unread message: it would be trimmed away.
      const isReading = document.visibilityState === 'visible' && !this.#returns;
      if (isReading && this.#scroller.isNearBottom && !log.atEnd) void this.#loadNewer();
    }
    this.#seen();
  }

  /** Takes note of what is in sight. */
  #seen() {
    if (this.#sees && this.#log.loaded) {
      this.#below = 0;
      this.#rooms.markRead(this.#room);
    }
    const isAway = this.#log.loaded && !(this.#scroller.follows && this.#log.atEnd);
    this.#pill.hidden = !isAway || this.#search !== null && this.#below === 0;
    this.#pill.textContent = this.#below > 0 ? say('newestOnes', { n: this.#below }) : say('toNewest');
    this.#pill.classList.toggle('news', this.#below > 0);
  }

  /** The page has been hidden, or is looked at again. */
  #looked() {
    const isHidden = document.visibilityState !== 'visible';
    if (isHidden && this.#nothingIsNew) this.#unreadAfter = null;
    this.#returns ||= !isHidden && this.#isPlaced && this.#scroller.follows && !this.#nothingIsNew;
    this.#schedule();
  }

  /** To the first unread message, or to the end where there is none, or somebody wants to be there. */
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
    this.#rooms.at(room, page.newest, (page.messages.at(-1)?.number ?? 0) + 1);
    const isShort = page.messages.length === limit && known && unread(known) >= limit;
    if (!isShort || this.#wantsEnd) log.reset(page.messages, limit);
    else if (!await this.#loadUnread(log, known)) return;
    if (room !== this.#room) return;
    if (!this.#wantsEnd && known?.read && unread(known) > 0) this.#unreadAfter ??= known.read.id;
    this.#show();
    this.#place();
  }

  /** From the first unread message on, where the newest page does not reach back to it. @param {RoomLog} log @param {import('./rooms.js').Room} room */
  async #loadUnread(log, { name, read, newest }) {
    const after = read && newest && isSameEpoch(read.id, newest) ? read.id : startOf(newest ?? '');
    const page = await this.#load(log, name, { after, limit: MAX_FIRST });
    if (!page) return false;
    log.reset(page.messages, 0, page.messages.length < MAX_FIRST);
    log.after = read?.id ?? null;
    return true;
  }

  /** What was said since the last message here. @param {string} room */
  async #loadMissed(room) {
    const log = this.#log;
    if (log.loading) return;
    const { last } = log;
    const newest = this.#rooms.get(room)?.newest;
    const after = last && newest && isSameEpoch(last.id, newest) ? last.id : undefined;
    const page = await this.#load(log, room, { after, limit: PAGE * 10 });
    if (!page) return;
    log.append(page.messages, page.messages.length < PAGE * 10);
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
    const { first } = log;
    if (log.loadingOlder) return;
    log.loadingOlder = true;
    this.#show();
    const page = await this.#ask(this.#room, { before: first?.id, limit: PAGE });
    log.loadingOlder = false;
    // The window may be another one by now.
    if (page && log.first === first) {
      log.prepend(page.messages, PAGE);
      // A search keeps what it has found.
      if (!this.#search) log.trim('bottom');
    }
    this.#show();
  }

  async #loadNewer() {
    const log = this.#log;
    const { last } = log;
    if (log.loading || !last) return;
    const page = await this.#load(log, this.#room, { after: last.id, limit: PAGE });
    if (!page) return;
    log.append(page.messages, page.messages.length < PAGE);
    log.trim('top');
    this.#schedule();
    if (log === this.#log && (this.#wantsEnd || !this.#isPlaced)) void this.#loadNewest(this.#room);
  }

  /**
   * Asks for what goes to the end of a log, while messages of the stream wait.
   * @param {RoomLog} log @param {string} room @param {{after?: string, limit: number}} query
   */
  async #load(log, room, query) {
    const { last } = log;
    log.loading = true;
    const page = await this.#ask(room, query);
    log.loading = false;
    if (page && log.last === last) return page;
    // The next message would not follow what there is.
    if (!page) log.atEnd = false;
    log.settle();
    this.#schedule();
    return null;
  }

  /** @param {string} room @param {{before?: string, after?: string, limit: number}} query */
  async #ask(room, query) {
    try {
      const page = await server.messages(room, query);
      page.messages.forEach(this.#circle.arrived);
      return page;
    } catch (error) {
      if (room === this.#room) {
        this.#failed = true;
        this.#why = error instanceof Failure && error.status > 0 ? wordsOfAnswer({ status: error.status, detail: error.detail }) : '';
        this.#schedule();
      }
      return null;
    }
  }
}
