// The logs of the rooms: loads pages of history into them, and takes what the
// stream delivers. What of them is on the screen is not known here. It uses no
// document.

import { idBefore, startOf } from '../server/ids.js';
import { isSameEpoch } from '../server/protocol.js';
import { Failure, server } from '../server/server.js';
import { firstPage } from './first_page.js';
import { RoomLog } from './room_log.js';
import { isForeign, unread } from './rooms.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {import('../server/server.js').Page} Page
 * @typedef {import('./rooms.js').Room} Room
 * @typedef {{arrived(message: Message): void, failed(room: string, error: unknown): unknown, isOpen(room: string): boolean, changed(room: string): unknown}} On
 *   `arrived`: a page has the message; `failed`: a page could not be loaded; `isOpen`: the room is on the page; `changed`: its log has changed
 */

export const PAGE = 50;
/** Older messages that are loaded at least, among events of programs; and the most pages for that. */
const FEW = 20;
const MAX_PAGES = 10;
/** Entries that are loaded again when changes may have been lost. */
const MAX_REFRESHED = 500;
/** The most unread messages loaded at once when a room is opened. */
const MAX_FIRST = 200;
/** After this without an answer, stored messages are shown. */
const STORED_MS = 1_500;

export class History {
  /** @type {Map<string, RoomLog>} */
  #logs = new Map();
  /** Ends of the loads in progress. @type {Map<RoomLog, PromiseWithResolvers<void>>} */
  #ends = new Map();
  #rooms;
  #on;

  /** @param {import('./rooms.js').Rooms} rooms @param {On} on */
  constructor(rooms, on) {
    this.#rooms = rooms;
    this.#on = on;
  }

  /** The log of a room, made if necessary. @param {string} room @returns {RoomLog} */
  log(room) {
    let log = this.#logs.get(room);
    if (!log) this.#logs.set(room, log = new RoomLog());
    return log;
  }

  /** The log of a room, if it was opened. @param {string} room */
  find(room) {
    return this.#logs.get(room);
  }

  /** @param {string} room */
  forget(room) {
    this.#logs.delete(room);
  }

  /** Shows what is stored of a room while the server does not answer. @param {string} room */
  async useStored(room) {
    const log = this.#logs.get(room);
    const isNeeded = () => log && !log.loaded && log.items.length === 0;
    const module = isNeeded() ? await import('../later/stored.js').catch(() => null) : null;
    if (!log || !module || !isNeeded()) return;
    log.stored ??= module.storedRows(room);
    if (log.stored) this.#on.changed(room);
  }

  /** The last messages of a room, if they are loaded. @param {string} room @returns {Message[] | null} */
  last(room) {
    const log = this.#logs.get(room);
    return log?.loaded && log.atEnd ? log.items.flatMap((item) => (item.kind === 'message' ? item.message : [])) : null;
  }

  /** A session has begun or ended: stored messages are those of another one. */
  forgetStored() {
    for (const [room, log] of this.#logs) {
      log.stored = null;
      this.#on.changed(room);
    }
  }

  /** A message was edited, deleted or reacted to. @param {Message} message */
  change(message) {
    if (this.#logs.get(message.room)?.change(message)) this.#on.changed(message.room);
  }

  /** A gap event of the stream. @param {import('../server/protocol.js').Gap} gap */
  addGap(gap) {
    this.#logs.get(gap.room)?.addGap(gap);
    if (gap.reason !== 'restart') this.refresh(gap.room);
    this.#on.changed(gap.room);
  }

  /** @param {string} room @param {'joined' | 'left'} what @param {string} name */
  addPresence(room, what, name) {
    this.#logs.get(room)?.addPresence(what, name);
    this.#on.changed(room);
  }

  /** A member was renamed. @param {import('./room_log.js').Renaming} renaming @param {string} [room] all rooms without it */
  addRenaming(renaming, room) {
    for (const [name, log] of this.#logs) {
      if (room !== undefined && name !== room) continue;
      log.addRenaming(renaming);
      this.#on.changed(name);
    }
  }

  /** Messages that the server accepted but the stream will not deliver. @param {Message[]} messages */
  addLost(messages) {
    for (const message of messages) {
      this.#logs.get(message.room)?.add(message);
      this.#on.changed(message.room);
    }
  }

  /** Removes the first copy of a message that was accepted again after a restart of the server. @param {string} room @param {string} id */
  drop(room, id) {
    this.#logs.get(room)?.drop(id);
    this.#on.changed(room);
  }

  /** Changes of loaded messages may have been lost. @param {string} room */
  refresh(room) {
    const log = this.#logs.get(room);
    if (!log?.loaded || log.loading) return;
    if (!this.#on.isOpen(room)) log.loaded = false;
    else if (log.last) void this.#loadStates(log, room);
  }

  /** Loads the present states of the newest messages. @param {RoomLog} log @param {string} room */
  async #loadStates(log, room) {
    log.begin();
    const page = await server.messages(room, { limit: MAX_REFRESHED }).catch(() => null);
    log.refresh(page?.messages ?? []);
    log.end();
    this.#on.changed(room);
  }

  /**
   * Replaces the log by the newest messages, or by those from the first unread one on.
   * The first of all such pages may be a smaller one.
   * @param {string} room @param {() => boolean} wantsEnd whether the newest are wanted in any case
   * @returns {Promise<boolean>} whether it was loaded
   */
  async newest(room, wantsEnd) {
    const log = this.log(room);
    if (log.loading) return false;
    setTimeout(() => void this.useStored(room), STORED_MS);
    const known = this.#rooms.get(room);
    const limit = Math.min(MAX_FIRST, Math.max(PAGE, known ? unread(known) + 20 : 0));
    const page = await this.#load(log, room, { limit });
    if (!page) return false;
    const last = page.messages.at(-1);
    // Only events of programs say nothing about numbers.
    if (last || page.size === 0) this.#rooms.setNewest(room, page.newest, (last?.number ?? 0) + 1, page.oldest);
    const isShort = page.size === page.limit && known && unread(known) >= page.limit;
    if (isShort && !wantsEnd()) return this.#unread(log, known);
    log.reset(page, page.limit);
    return true;
  }

  /** Loads from the first unread message on, if the newest page does not include it. @param {RoomLog} log @param {Room} room */
  async #unread(log, room) {
    const { read, newest } = room;
    const after = read && !isForeign(read.id, room) ? read.id : startOf(newest ?? '');
    const page = await this.#load(log, room.name, { after, limit: MAX_FIRST });
    if (!page) return false;
    log.reset(page, 0, page.size < MAX_FIRST);
    log.after = read?.id ?? null;
    return true;
  }

  /** Loads the messages after the last one in a log, up to the newest. @param {string} room @returns {Promise<boolean>} whether they were loaded */
  async missed(room) {
    const log = this.log(room);
    if (log.loading) return false;
    const { to } = log;
    const known = this.#rooms.get(room);
    const after = to && known && !isForeign(to, known) ? to : undefined;
    const page = await this.#load(log, room, { after, limit: PAGE * 10 });
    if (page) log.append(page, page.size < PAGE * 10);
    return page !== null;
  }

  /** Loads messages before a log. @param {string} room @param {number} [most] in one page */
  async older(room, most = PAGE) {
    const log = this.log(room);
    log.loadingOlder = true;
    for (let [pages, found] = [0, 0]; pages < MAX_PAGES && found < FEW; pages += 1) found += await this.#before(log, room, most);
    log.loadingOlder = false;
  }

  /** Loads the page before a log. @param {RoomLog} log @param {string} room @param {number} limit @returns {Promise<number>} of messages; Infinity if there are no more pages */
  async #before(log, room, limit) {
    const { from, first } = log;
    const page = await this.#fetch(log, room, { before: from, limit });
    // The log may have changed meanwhile.
    if (!page || log.from !== from || log.first?.id !== first?.id) return Infinity;
    log.prepend(page, limit);
    log.trim('bottom');
    return log.top === null ? page.messages.length : Infinity;
  }

  /** Loads the page after a log. @param {string} room @returns {Promise<boolean>} whether it was loaded */
  async newer(room) {
    const log = this.log(room);
    const { to } = log;
    if (log.loading || !to) return false;
    const page = await this.#load(log, room, { after: to, limit: PAGE });
    if (!page) return false;
    log.append(page, page.size < PAGE);
    log.trim('top');
    return true;
  }

  /**
   * Replaces the log by the part of history around a message.
   * @param {string} room @param {string} id @param {() => boolean} isWanted whether it still is
   * @returns {Promise<boolean | null>} false if the server does not have the message, null if that is not known
   */
  async around(room, id, isWanted) {
    const log = this.log(room);
    while (log.loading) await this.#ends.get(log)?.promise;
    if (log.find(id)) return true;
    if (!isWanted()) return null;
    this.#begin(log);
    const [before, after] = await this.#pagesAround(log, room, id);
    this.#end(log);
    const isFound = after?.messages.some((message) => message.id === id) ?? false;
    if (before && after && isFound && isWanted()) {
      const page = { ...after, messages: [...before.messages, ...after.messages], from: before.from || after.from };
      log.reset(page, before.size < PAGE ? Infinity : 0, after.size < PAGE);
      return true;
    }
    log.settle();
    this.#on.changed(room);
    return before && after ? isFound : null;
  }

  /** The page before a message, and the one that begins with it. @param {RoomLog} log @param {string} room @param {string} id */
  async #pagesAround(log, room, id) {
    const [before, after] = await Promise.all([
      this.#fetch(log, room, { before: id, limit: PAGE }),
      this.#fetch(log, room, { after: idBefore(id), limit: PAGE }),
    ]);
    // The first message of an epoch follows the last one of the epoch before.
    const isFirst = before?.to && !isSameEpoch(before.to, id) && after?.from !== id;
    return [before, isFirst ? await this.#fetch(log, room, { after: before.to, limit: PAGE }) : after];
  }

  /** @param {RoomLog} log */
  #begin(log) {
    log.loading = true;
    this.#ends.set(log, Promise.withResolvers());
  }

  /** @param {RoomLog} log */
  #end(log) {
    log.loading = false;
    this.#ends.get(log)?.resolve();
    this.#ends.delete(log);
  }

  /**
   * Loads a page for the end of a log. Messages of the stream are queued meanwhile.
   * @param {RoomLog} log @param {string} room @param {{after?: string, limit: number}} query
   */
  async #load(log, room, query) {
    const { last } = log;
    this.#begin(log);
    const page = await this.#fetch(log, room, query);
    this.#end(log);
    if (page && log.last?.id === last?.id) return page;
    // Queued messages do not follow the log without a gap.
    if (!page) log.atEnd = false;
    log.settle();
    this.#on.changed(room);
    return null;
  }

  /** @param {RoomLog} log @param {string} room @param {{before?: string, after?: string, limit: number}} query */
  async #fetch(log, room, query) {
    log.begin();
    try {
      const { before, after } = query;
      const page = (before ?? after ? null : await firstPage.take(room)) ?? await server.messages(room, query);
      page.messages.forEach(this.#on.arrived);
      return page;
    } catch (error) {
      if (error instanceof Failure && error.isPassing) void this.useStored(room);
      else log.stored = null;
      this.#on.failed(room, error);
      return null;
    } finally {
      log.end();
    }
  }
}
