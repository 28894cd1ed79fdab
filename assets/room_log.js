// What was said in one room, as far as the page holds it: a window on the
// room's talk, with the holes that it knows of. Numbers tell whether something
// is missing; no document here.

import { isSameEpoch, isUpTo } from './protocol.js';

/**
 * @typedef {import('./protocol.js').Message} Message
 * @typedef {import('./protocol.js').Gap} Gap
 * @typedef {{kind: 'message', message: Message}} MessageItem
 * @typedef {{kind: 'gap', key: string, reason: string, lost: number | null}} GapItem
 * @typedef {{before: string, name: string}} Renaming
 * @typedef {{kind: 'people', key: string, joined: string[], left: string[], renamed: Renaming | null}} PresenceLine
 * @typedef {MessageItem | GapItem | PresenceLine} Item
 */

/** More is dropped at the other end, and fetched again when it is wanted. */
export const MAX_ITEMS = 300;

let keys = 0;

export class RoomLog {
  /** @type {Item[]} oldest first */
  items = [];
  /** Whether the window ends with the newest message, so that the next one goes below it. */
  atEnd = true;
  loaded = false;
  /** Whether the page before the window is on its way. */
  loadingOlder = false;
  /** While the newest page of history is on its way, messages of the stream wait in `#early`. */
  loading = false;
  /** What is above the first message: unknown, nothing, or nothing that the server still has. @type {null | 'beginning' | 'evicted'} */
  top = null;
  /** The message right after which the window begins, where that is known. @type {string | null} */
  after = null;
  /** Whether the window was emptied on purpose: what was before it comes only when it is asked for. */
  isCleared = false;
  /** @type {Message[]} */
  #early = [];
  /** Whether more came than waits. */
  #isCut = false;

  /** @returns {Message | undefined} */
  get first() {
    return this.items.find((item) => item.kind === 'message')?.message;
  }

  /** @returns {Message | undefined} */
  get last() {
    return this.items.findLast((item) => item.kind === 'message')?.message;
  }

  get size() {
    return this.items.filter(({ kind }) => kind === 'message').length;
  }

  /** Begins anew with a page of history. @param {Message[]} messages @param {number} asked @param {boolean} [atEnd] nothing newer is on the server */
  reset(messages, asked, atEnd = true) {
    this.items = [];
    this.atEnd = atEnd;
    this.after = null;
    this.isCleared = false;
    this.#take(messages);
    this.settle();
    this.#readTop(messages.length < asked);
  }

  /** What history has before the window. @param {Message[]} messages @param {number} asked */
  prepend(messages, asked) {
    const known = this.first;
    const rest = this.items;
    this.items = [];
    this.after = null;
    this.#take(known ? messages.filter(({ id }) => isSameEpoch(id, known.id) && !isUpTo(known.id, id)) : messages);
    const missing = this.last && known ? hole(this.last, known) : null;
    const isAll = messages.length < asked || this.items.length === 0;
    this.items.push(...missing ? [missing] : [], ...rest);
    this.isCleared = false;
    this.#readTop(isAll);
  }

  /** What history has after the window. @param {Message[]} messages @param {boolean} isAll nothing newer is on the server */
  append(messages, isAll) {
    this.#take(messages);
    this.atEnd = isAll;
    this.settle();
  }

  /** A message of the stream. @param {Message} message @returns {boolean} whether it is new in the window */
  add(message) {
    if (this.loading) {
      if (this.#early.length < MAX_ITEMS) this.#early.push(message);
      else this.#isCut = true;
      return false;
    }
    return this.loaded && this.atEnd && this.#push(message);
  }

  /** A hole that the stream has announced. @param {Gap} gap */
  addGap(gap) {
    if (!this.loaded || !this.atEnd) return;
    const lost = gap.lost ?? this.#lostBefore(gap);
    const tail = this.items.at(-1);
    if (tail?.kind === 'gap') {
      tail.reason = gap.reason;
      tail.lost = lost;
      return;
    }
    this.items.push({ kind: 'gap', key: `gap-${keys += 1}`, reason: gap.reason, lost });
  }

  /** Who came and who went, in one line until somebody speaks. @param {'joined' | 'left'} what @param {string} name */
  addPresence(what, name) {
    const tail = this.#comings();
    if (!tail) return;
    const other = what === 'joined' ? tail.left : tail.joined;
    // Who left and came back was away for a moment, which is no news.
    if (other.includes(name)) other.splice(other.indexOf(name), 1);
    else if (!tail[what].includes(name)) tail[what].push(name);
    this.#dropIfEmpty(tail);
  }

  /** Somebody here has another name. @param {Renaming} renaming */
  addRenaming({ before, name }) {
    const tail = this.#comings();
    if (!tail) return;
    const first = tail.renamed?.before ?? before;
    tail.renamed = first === name ? null : { before: first, name };
    this.#dropIfEmpty(tail);
  }

  /** The line about people at the end, or a new one. @returns {PresenceLine | undefined} */
  #comings() {
    if (!this.loaded || !this.atEnd) return undefined;
    const tail = this.items.at(-1);
    if (tail?.kind === 'people') return tail;
    /** @type {PresenceLine} */
    const line = { kind: 'people', key: `people-${keys += 1}`, joined: [], left: [], renamed: null };
    this.items.push(line);
    return line;
  }

  /** @param {PresenceLine} line at the end */
  #dropIfEmpty({ joined, left, renamed }) {
    if (joined.length + left.length === 0 && !renamed) this.items.pop();
  }

  /** @param {'top' | 'bottom'} end where too much is dropped */
  trim(end) {
    const over = this.items.length - MAX_ITEMS;
    if (over <= 0) return;
    if (end === 'top') {
      this.items.splice(0, over);
      this.top = null;
      this.after = null;
    } else {
      this.items.splice(-over);
      this.atEnd = false;
    }
  }

  /** A message stands here once more under another id. @param {string} id */
  drop(id) {
    this.items = this.items.filter((item) => item.kind !== 'message' || item.message.id !== id);
  }

  clear() {
    this.items = [];
    this.after = null;
    this.top = null;
    this.loaded = true;
    this.atEnd = true;
    this.isCleared = true;
  }

  /** Takes what the stream brought while history was being loaded, if it follows what there is. */
  settle() {
    const early = this.#early;
    this.#early = [];
    if (this.loaded && this.atEnd) {
      for (const message of early) this.#push(message);
      this.atEnd = !this.#isCut;
    }
    this.#isCut = false;
  }

  /** Only the server knows about a gap `restart`; in one epoch, numbers tell. @param {Gap} gap */
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
    for (const message of messages) this.#push(message);
  }

  /** @param {Message} message */
  #push(message) {
    const last = this.last;
    if (last && isUpTo(message.id, last.id)) return false;
    const missing = last ? hole(last, message) : null;
    const tail = this.items.at(-1);
    if (tail?.kind === 'gap') {
      if (last && !missing) this.items.pop();
      else if (missing && missing.lost !== null) tail.lost = missing.lost;
    } else if (missing) this.items.push(missing);
    this.items.push({ kind: 'message', message });
    return true;
  }
}

/** What is missing between two messages, by their numbers alone. @param {Message} before @param {Message} after @returns {GapItem | null} */
function hole(before, after) {
  if (!isSameEpoch(before.id, after.id)) return { kind: 'gap', key: `gap-${keys += 1}`, reason: 'restart', lost: null };
  if (after.number === before.number + 1) return null;
  const lost = after.number > before.number ? after.number - before.number - 1 : null;
  return { kind: 'gap', key: `gap-${keys += 1}`, reason: lost === null ? 'unknown' : 'evicted', lost };
}
