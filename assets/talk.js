// The talk of the open room: which part of it is on the page, what is loaded
// when, what is new, and what counts as read.

import { byId, button, make } from './dom.js';
import { say } from './language.js';
import { LogView } from './log_view.js';
import { isSameEpoch } from './protocol.js';
import { MAX_ITEMS, RoomLog } from './room_log.js';
import { unread } from './rooms.js';
import { rowsOf } from './rows.js';
import { Scroller } from './scroller.js';
import { server } from './server.js';

/**
 * @typedef {import('./protocol.js').Message} Message
 * @typedef {import('./protocol.js').Gap} Gap
 * @typedef {import('./snapshot.js').Place} Place
 * @typedef {{me(): string, names(room: string): string[], isOwn(message: Message): boolean,
 *            arrived(message: Message): void, showOutbox(): void, shown(): void}} Circle who talks here
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
  #pill = byId('pill');
  /** The last message that was read when its reader left: above what is new. @type {string | null} */
  #unreadAfter = null;
  /** New messages that are below what is seen. */
  #below = 0;
  /** Whether the open room's talk has been brought to where its reader begins: nothing counts as read before. */
  #isPlaced = false;
  /** Somebody wants to see the newest message, which is being loaded. */
  #wantsEnd = false;
  /** Whether the newest message was on the page when it was last drawn. */
  #wasAtEnd = true;
  #scheduled = false;
  #restUntil = 0;
  #failed = false;

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
    const log = this.#log;
    this.#show();
    if (!log.loaded || !log.atEnd) void this.#loadNewest(room);
    else this.#place();
  }

  /** @param {string} room */
  forget(room) {
    this.#logs.delete(room);
  }

  /** A message of the stream. @param {Message} message */
  add(message) {
    this.#rooms.at(message.room, message.id, message.number + 1);
    const log = this.#logs.get(message.room);
    if (!log) return;
    const isOpen = message.room === this.#room;
    const stays = isOpen && !this.#scroller.follows;
    // Far from the end, nothing more is put there: it is loaded when it is wanted.
    if (stays && log.items.length > MAX_ITEMS + PAGE) log.atEnd = false;
    const known = this.#rooms.get(message.room);
    const wasRead = known?.read?.id ?? null;
    const isNew = log.add(message);
    if (!stays) log.trim('top');
    if (!isOpen) return;
    if (this.#sees) this.#rooms.markRead(this.#room);
    else if (!this.#circle.isOwn(message)) {
      this.#unreadAfter ??= wasRead;
      if (isNew || !log.atEnd) this.#below += 1;
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
    this.#logs.get(room)?.addComing(what, name, new Date().toISOString());
    if (room === this.#room) this.#schedule();
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
    this.#rooms.at(room, newest, next);
    const log = this.#logs.get(room);
    if (!log?.loaded || !log.atEnd || !newest || log.last?.id === newest) return;
    if (room === this.#room) void this.#loadMissed(room);
    else log.loaded = false;
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

  clear() {
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

  /** Whether what comes now is seen. */
  get #sees() {
    return document.visibilityState === 'visible' && this.#isPlaced && this.#scroller.follows && this.#log.atEnd;
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
      isWhole: log.top !== null,
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
    this.#seen();
  }

  #showTop() {
    const { loaded, loadingOlder, top, items } = this.#log;
    this.#top.replaceChildren();
    if (this.#failed) {
      this.#top.append(make('p', '', say('loadFailed')), button('quiet', say('tryAgain'), () => this.#retry()));
    } else if (!loaded || loadingOlder) this.#top.append(make('p', '', say('loading')));
    else if (top === null) this.#top.append(button('quiet', say('loadOlder'), () => void this.#loadOlder()));
    else if (items.length > 0) {
      this.#top.append(make('p', '', top === 'beginning' ? say('beginning', { room: this.#room }) : say('noOlder')));
    }
  }

  #scrolled() {
    const log = this.#log;
    if (log.loaded && !this.#failed) {
      if (this.#scroller.isNearTop && log.top === null && !log.isCleared) void this.#loadOlder();
      if (this.#scroller.isNearBottom && !log.atEnd) void this.#loadNewer();
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
    this.#pill.hidden = !isAway;
    this.#pill.textContent = this.#below > 0 ? say('newestOnes', { n: this.#below }) : say('toNewest');
    this.#pill.classList.toggle('news', this.#below > 0);
  }

  /** The page has been hidden, or is looked at again. */
  #looked() {
    if (document.visibilityState !== 'visible') this.#unreadAfter = null;
    this.#schedule();
  }

  /** To the first unread message, or to the end where there is none, or somebody wants to be there. */
  #place() {
    const row = this.#view.find('unread');
    const room = this.#rooms.get(this.#room);
    this.#scroller.toEnd();
    if (row && !this.#wantsEnd) this.#scroller.toRow(row);
    this.#below = room && !this.#scroller.follows ? unread(room) : 0;
    this.#isPlaced = true;
    this.#wantsEnd = false;
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
    log.reset(page.messages, limit);
    if (room !== this.#room) return;
    this.#rooms.at(room, page.newest, (page.messages.at(-1)?.number ?? 0) + 1);
    if (!this.#wantsEnd && known?.read && unread(known) > 0) this.#unreadAfter ??= known.read.id;
    this.#show();
    this.#place();
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
    log.trim('top');
    if (room === this.#room) this.#schedule();
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
      log.trim('bottom');
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
    } catch {
      if (room === this.#room) {
        this.#failed = true;
        this.#schedule();
      }
      return null;
    }
  }
}
