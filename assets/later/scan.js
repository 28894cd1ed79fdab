// A search through the history of a room, from the newest message back, page by
// page. Fetched pages are kept for the next query, up to a bound.

import { Failure, server } from '../server/server.js';
import { fold, hasAll } from './matching.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {{message: Message, folded: string}} Kept
 * @typedef {'running' | 'waiting' | 'stopped' | 'full' | 'failed' | 'done'} State
 *   `waiting`: the server has asked to wait; `full`: as many were found as are shown at once; `done`: all of history was searched
 */

const PAGE = 500;
/** After this many more results the search waits for its reader. */
const BATCH = 100;
/** The most characters of messages that are kept. */
const MAX_KEPT = 4_000_000;
/** Before the first page, in ms: most queries are not complete yet. */
const PAUSE_MS = 200;
/** Without a time of the server, in s. */
const WAIT_S = 2;

export class Scan {
  /** Results, newest first. @type {Message[]} */
  found = [];
  /** How many messages were searched, and when the oldest of them was sent. */
  searched = 0;
  back = '';
  /** @type {State} */
  state = 'done';
  /** How long the server has asked to wait, in s. */
  wait = 0;
  #room;
  #changed;
  /** Newest first. @type {Kept[]} */
  #kept = [];
  #size = 0;
  /** Messages of the stream, which pages may have again. @type {Set<string>} */
  #live = new Set();
  /** Where history goes on after what is kept: the entry before which it is loaded, and whether there is none. */
  #rest = { before: /** @type {string | undefined} */ (undefined), isEnd: false };
  /** Where this search is: the index in what is kept, then as above. */
  #at = 0;
  #place = this.#rest;
  /** @type {string[]} */
  #words = [];
  #limit = BATCH;
  /** Ends what is under way. */
  #abort = new AbortController();

  /** @param {string} room @param {{messages: Message[], before: string | undefined, isEnd: boolean} | null} loaded what the page has, up to the newest; oldest first @param {() => void} changed */
  constructor(room, loaded, changed) {
    this.#room = room;
    this.#changed = changed;
    if (!loaded) return;
    this.#rest = { before: loaded.before, isEnd: loaded.isEnd };
    this.#keep(loaded.messages.toReversed());
  }

  get isRunning() {
    return this.state === 'running' || this.state === 'waiting';
  }

  /** Begins anew. @param {string[]} words none: no search */
  begin(words) {
    this.#abort.abort();
    this.#words = words;
    this.found = [];
    this.searched = 0;
    this.back = '';
    this.#at = 0;
    this.#place = this.#rest;
    this.#limit = BATCH;
    if (words.length > 0) void this.#run(PAUSE_MS);
    else this.#set('done');
  }

  stop() {
    this.#abort.abort();
    this.#set('stopped');
  }

  /** Goes on after `stopped`, `full` or `failed`. */
  goOn() {
    this.#limit = this.found.length + BATCH;
    void this.#run(0);
  }

  /** A message of the stream. @param {Message} message */
  add(message) {
    this.#live.add(message.id);
    const kept = keptOf(message);
    this.#kept.unshift(kept);
    this.#size += kept.folded.length;
    this.#at += 1;
    if (this.#words.length === 0) return;
    this.searched += 1;
    this.back ||= message.created_at;
    if (this.#matches(kept)) {
      this.found.unshift(message);
      this.#limit += 1;
    }
    this.#changed();
  }

  /** A message was edited, deleted or reacted to. @param {Message} message */
  change(message) {
    const kept = this.#kept.find(({ message: { id } }) => id === message.id);
    const found = this.found.findIndex(({ id }) => id === message.id);
    const now = keptOf(message);
    if (kept) Object.assign(kept, now);
    const isFound = this.#words.length > 0 && this.#matches(now);
    if (found >= 0) this.found.splice(found, 1, ...isFound ? [message] : []);
    else if (isFound && kept && this.#kept.indexOf(kept) < this.#at) {
      const below = this.found.findIndex(({ number }) => number < message.number);
      this.found.splice(below < 0 ? this.found.length : below, 0, message);
    } else return;
    this.#changed();
  }

  /** @param {number} pauseMs before the first page */
  async #run(pauseMs) {
    this.#abort = new AbortController();
    const { signal } = this.#abort;
    this.state = 'running';
    let pause = pauseMs;
    for (;;) {
      while (this.found.length < this.#limit && this.#at < this.#kept.length) this.#look(/** @type {Kept} */ (this.#kept[this.#at++]));
      if (this.found.length >= this.#limit) return this.#set('full');
      if (this.#place.isEnd) return this.#set('done');
      this.#set('running');
      if (pause > 0) await slept(pause, signal);
      pause = 0;
      if (signal.aborted || !await this.#load(signal)) return;
    }
  }

  /** Loads and searches the next page. @param {AbortSignal} signal @returns {Promise<boolean>} whether the search goes on */
  async #load(signal) {
    const place = this.#place;
    try {
      const page = await server.messages(this.#room, { before: place.before, limit: PAGE });
      if (signal.aborted) return false;
      this.#take(page);
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      if (!(error instanceof Failure)) throw error;
      if (error.status !== 429) return this.#set('failed'), false;
      this.wait = Math.max(1, Math.ceil(error.retryAfter || WAIT_S));
      this.#set('waiting');
      await slept(this.wait * 1_000, signal);
      return !signal.aborted;
    }
  }

  /** @param {import('../server/server.js').Page} page */
  #take({ messages, from, size }) {
    const rest = { before: from || undefined, isEnd: size < PAGE };
    const fresh = messages.toReversed().filter(({ id }) => !this.#live.has(id));
    const isNext = this.#place === this.#rest;
    this.#place = rest;
    if (isNext && this.#size < MAX_KEPT) {
      this.#rest = rest;
      this.#keep(fresh);
    } else for (const message of fresh) this.#look(keptOf(message));
  }

  /** @param {Message[]} messages newest first */
  #keep(messages) {
    for (const message of messages) {
      const kept = keptOf(message);
      this.#kept.push(kept);
      this.#size += kept.folded.length;
    }
  }

  /** @param {Kept} kept */
  #look(kept) {
    this.searched += 1;
    this.back = kept.message.created_at || this.back;
    if (this.#matches(kept)) this.found.push(kept.message);
  }

  /** @param {Kept} kept */
  #matches({ message, folded }) {
    return !message.deleted && hasAll(folded, this.#words);
  }

  /** @param {State} state */
  #set(state) {
    this.state = state;
    this.#changed();
  }
}

/** @param {Message} message @returns {Kept} */
const keptOf = (message) => ({ message, folded: fold(`${message.name}\n${message.message}`) });

/** @param {number} ms @param {AbortSignal} signal @returns {Promise<void>} */
function slept(ms, signal) {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      done();
    }, { once: true });
  });
}
