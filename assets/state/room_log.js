// The loaded messages of one room: a window of its history, with known gaps.
// Message numbers show whether messages are missing. It uses no document.

import { isBefore } from '../server/ids.js';
import { isSameEpoch, isUpTo } from '../server/protocol.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {import('../server/server.js').Page} Page
 * @typedef {import('../server/protocol.js').Gap} Gap
 * @typedef {{kind: 'message', message: Message}} MessageItem
 * @typedef {{kind: 'gap', key: string, reason: string, lost: number | null}} GapItem
 * @typedef {{before: string, name: string}} Renaming
 * @typedef {{kind: 'people', key: string, joined: string[], left: string[], renamed: Renaming[]}} PresenceLine
 * @typedef {MessageItem | GapItem | PresenceLine} Item
 */

/** The most items; more are trimmed at the other end and loaded again on demand. */
export const MAX_ITEMS = 300;
/** The most renamings in one line. */
const MAX_RENAMED = 20;

let keys = 0;

export class RoomLog {
  /** @type {Item[]} oldest first */
  items = [];
  /** Whether the window ends with the newest message, so that the next one is appended. */
  atEnd = true;
  loaded = false;
  /** Makes rows of what is stored of it, until messages are loaded. @type {import('../later/stored.js').StoredRows | null} */
  stored = null;
  /** Whether the page before the window is being loaded. */
  loadingOlder = false;
  /** Whether a page for the end is being loaded; messages of the stream wait in `#early` meanwhile. */
  loading = false;
  /** What is above the first message: unknown, the beginning of the room, or evicted messages. @type {null | 'beginning' | 'evicted'} */
  top = null;
  /** The message directly before the window, if known. @type {string | null} */
  after = null;
  /** Whether the user has cleared the window: older messages are loaded only on request. */
  isCleared = false;
  /** The first and the last entry of the loaded pages, which may be events of programs. */
  #from = '';
  #to = '';
  /** Requests for pages in progress. */
  #requests = 0;
  /** Changes that arrived meanwhile: the pages may be older. @type {Map<string, Message>} */
  #changes = new Map();
  /** @type {Message[]} */
  #early = [];
  /** Whether `#early` has overflowed. */
  #isCut = false;

  /** @returns {Message | undefined} */
  get first() {
    return this.items.find((item) => item.kind === 'message')?.message;
  }

  /** @returns {Message | undefined} */
  get last() {
    return this.items.findLast((item) => item.kind === 'message')?.message;
  }

  /** @param {string} id @returns {Message | undefined} */
  find(id) {
    for (const item of this.items) if (item.kind === 'message' && item.message.id === id) return item.message;
    return undefined;
  }

  /** The last message that is such a one. @param {(message: Message) => boolean} isOne @returns {Message | undefined} */
  findLast(isOne) {
    const item = this.items.findLast((item) => item.kind === 'message' && isOne(item.message));
    return item?.kind === 'message' ? item.message : undefined;
  }

  /** Who has written, the latest first. @returns {string[]} */
  get speakers() {
    const names = this.items.flatMap((item) => (item.kind === 'message' && item.message.name ? item.message.name : []));
    return [...new Set(names.reverse())];
  }

  get size() {
    return this.items.filter(({ kind }) => kind === 'message').length;
  }

  /** The entry before which older ones are requested. */
  get from() {
    return this.#from || this.first?.id;
  }

  /** The entry after which newer ones are requested. */
  get to() {
    const { last } = this;
    return !last || !isBefore(this.#to, last.id) ? this.#to || undefined : last.id;
  }

  /** A request for a page begins. */
  begin() {
    if (this.#requests === 0) this.#changes.clear();
    this.#requests += 1;
  }

  /** A request has ended; its page is taken at once. */
  end() {
    this.#requests -= 1;
  }

  /** Replaces the window by a page of history. @param {Page} page @param {number} asked @param {boolean} [atEnd] nothing newer is on the server */
  reset(page, asked, atEnd = true) {
    this.items = [];
    this.atEnd = atEnd;
    this.after = null;
    this.isCleared = false;
    this.#from = page.from;
    this.#to = page.to;
    this.#take(page.messages);
    this.settle();
    this.#readTop(page.size < asked);
  }

  /** Adds a page of history before the window. @param {Page} page @param {number} asked */
  prepend(page, asked) {
    const known = this.first;
    const rest = this.items;
    const { messages } = page;
    this.items = [];
    this.after = null;
    this.#take(known ? messages.filter(({ id }) => isBefore(id, known.id)) : messages);
    const missing = this.last && known ? hole(this.last, known) : null;
    // Only events of programs, or nothing that is older.
    const isAll = page.size < asked || this.items.length === 0 && messages.length > 0;
    this.items.push(...missing ? [missing] : [], ...rest);
    this.isCleared = false;
    this.#from = page.from;
    this.#readTop(isAll);
  }

  /** Adds a page of history after the window. @param {Page} page @param {boolean} isAll nothing newer is on the server */
  append(page, isAll) {
    this.#take(page.messages);
    this.#to = page.to || this.#to;
    this.atEnd = isAll;
    this.settle();
  }

  /** Takes the present states of messages that are in the window. @param {Message[]} messages */
  refresh(messages) {
    for (const message of messages) if (!this.#changes.has(message.id)) this.change(message);
  }

  /** A message was edited, deleted or reacted to. @param {Message} message @returns {boolean} whether it is in the window */
  change(message) {
    if (this.#requests > 0) this.#changes.set(message.id, message);
    const item = this.items.find((item) => item.kind === 'message' && item.message.id === message.id);
    if (item?.kind !== 'message') return false;
    // A deleted message keeps its place below its day.
    item.message = message.deleted ? { ...message, created_at: item.message.created_at } : message;
    return true;
  }

  /** Adds a message of the stream. @param {Message} message @returns {boolean} whether it is new in the window */
  add(message) {
    if (this.loading) {
      if (this.#early.length < MAX_ITEMS) this.#early.push(message);
      else this.#isCut = true;
      return false;
    }
    return this.loaded && this.atEnd && this.#push(message);
  }

  /** Adds a gap event of the stream. @param {Gap} gap */
  addGap(gap) {
    if (!this.loaded || !this.atEnd) return;
    const lost = this.#lostBefore(gap) ?? gap.lost;
    // Only changes or events of programs are lost.
    if (lost === 0) return;
    const tail = this.items.at(-1);
    if (tail?.kind === 'gap') {
      tail.reason = gap.reason;
      tail.lost = lost;
      return;
    }
    this.items.push({ kind: 'gap', key: `gap-${keys += 1}`, reason: gap.reason, lost });
  }

  /** Adds a join or leave to the line about presence, which ends with the next message. @param {'joined' | 'left'} what @param {string} name */
  addPresence(what, name) {
    const tail = this.#presenceLine();
    if (!tail) return;
    const other = what === 'joined' ? tail.left : tail.joined;
    // Leaving and joining again cancel each other.
    if (other.includes(name)) other.splice(other.indexOf(name), 1);
    else if (!tail[what].includes(name)) tail[what].push(name);
    this.#dropIfEmpty(tail);
  }

  /** Adds a renaming. @param {Renaming} renaming */
  addRenaming({ before, name }) {
    const tail = this.#presenceLine();
    if (!tail) return;
    tail.left = tail.left.filter((gone) => gone !== before);
    tail.joined = tail.joined.filter((come) => come !== name);
    const earlier = tail.renamed.find((known) => known.name === before);
    const joined = tail.joined.indexOf(before);
    if (earlier) earlier.name = name;
    else if (joined >= 0) tail.joined[joined] = name;
    else tail.renamed.push({ before, name });
    tail.renamed = tail.renamed.filter((known) => known.before !== known.name).slice(-MAX_RENAMED);
    this.#dropIfEmpty(tail);
  }

  /** The presence line at the end, or a new one. @returns {PresenceLine | undefined} */
  #presenceLine() {
    if (!this.loaded || !this.atEnd) return undefined;
    const tail = this.items.at(-1);
    if (tail?.kind === 'people') return tail;
    /** @type {PresenceLine} */
    const line = { kind: 'people', key: `people-${keys += 1}`, joined: [], left: [], renamed: [] };
    this.items.push(line);
    return line;
  }

  /** @param {PresenceLine} line at the end */
  #dropIfEmpty({ joined, left, renamed }) {
    if (joined.length + left.length + renamed.length === 0) this.items.pop();
  }

  /** @param {'top' | 'bottom'} end where items are dropped */
  trim(end) {
    const over = this.items.length - MAX_ITEMS;
    if (over <= 0) return;
    if (end === 'top') {
      this.items.splice(0, over);
      this.#from = '';
      this.top = null;
      this.after = null;
    } else {
      this.items.splice(-over);
      this.#to = '';
      this.atEnd = false;
    }
  }

  /** Removes a message that is there again under another id. @param {string} id */
  drop(id) {
    this.items = this.items.filter((item) => item.kind !== 'message' || item.message.id !== id);
  }

  clear() {
    this.items = [];
    this.#from = '';
    this.#to = '';
    this.after = null;
    this.top = null;
    this.loaded = true;
    this.atEnd = true;
    this.isCleared = true;
  }

  /** Appends the messages that the stream delivered during a load, if they follow without a gap. */
  settle() {
    const early = this.#early;
    this.#early = [];
    if (this.loaded && this.atEnd) {
      for (const message of early) this.#push(message);
      this.atEnd = !this.#isCut;
    }
    this.#isCut = false;
  }

  /** A gap `restart` is known only from the server; within a history, message numbers show gaps. @param {Gap} gap */
  #lostBefore(gap) {
    const last = this.last;
    if (!last || gap.reason === 'restart' || gap.next <= last.number) return null;
    return gap.next - last.number - 1;
  }

  /** @param {boolean} isAll history has nothing before the window */
  #readTop(isAll) {
    this.top = !isAll ? null : (this.first?.number ?? 1) === 1 ? 'beginning' : 'evicted';
  }

  /** @param {Message[]} messages */
  #take(messages) {
    this.loaded = true;
    for (const message of messages) this.#push(this.#changes.get(message.id) ?? message);
  }

  /** @param {Message} message */
  #push(message) {
    const { last } = this;
    const known = this.findLast(({ id }) => isSameEpoch(id, message.id));
    if (known && isUpTo(message.id, known.id)) {
      // Sent again, it is in its present state.
      this.change(message);
      return false;
    }
    const missing = last ? hole(last, message) : null;
    const tail = this.items.at(-1);
    if (tail?.kind === 'gap') {
      // After a restart, numbers may go on where those of lost messages were.
      if (last && !missing && isSameEpoch(last.id, message.id)) this.items.pop();
      else if (missing && missing.lost !== null) tail.lost = missing.lost;
    } else if (missing) this.items.push(missing);
    this.items.push({ kind: 'message', message });
    return true;
  }
}

/** The gap between two messages by their numbers. @param {Message} before @param {Message} after @returns {GapItem | null} */
function hole(before, after) {
  if (after.number === before.number + 1) return null;
  if (!isSameEpoch(before.id, after.id)) return { kind: 'gap', key: `gap-${keys += 1}`, reason: 'restart', lost: null };
  const lost = after.number > before.number ? after.number - before.number - 1 : null;
  return { kind: 'gap', key: `gap-${keys += 1}`, reason: lost === null ? 'unknown' : 'evicted', lost };
}
