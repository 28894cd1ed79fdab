// What is on its way to the server. It survives a reload, goes out in the
// order in which it was written, and always under the same client id, so that
// it is said once however often it has to be sent.

import { canTell, live, whenGone } from './life.js';
import { me } from './me.js';
import { memory } from './memory.js';
import { isOfEarlierEpoch, isUpTo, makeId } from './protocol.js';
import { Failure, server } from './server.js';

/**
 * @typedef {import('./protocol.js').Message} Message
 * @typedef {{client_id: string, room: string, text: string, at: number}} Letter
 * @typedef {Letter & {state: 'queued' | 'sending' | 'sent' | 'failed', failure: Failure | 'old' | null, message: Message | null}} Entry
 * @typedef {{until: number, letters: Letter[]}} Box what storage has: until when its page holds it
 */

/** Without locks: a page that does not say so for this long is gone, and what it left is sent by another. */
const LEASE_MS = 90_000;
const RENEW_MS = 20_000;
/** Older letters are not sent without a word. */
const OLD_MS = 24 * 3_600_000;
const [BACKOFF_FROM_MS, BACKOFF_TO_MS] = [1_000, 30_000];
/**
 * After a tunnel a browser's idle connections, up to six, are dead without its
 * knowing, and each try finds one out. After so many the network is only slow.
 */
const [DEAD_MS, SLOW_MS, MAX_DEAD] = [2_000, 15_000, 6];
/** A letter that has been under way for longer, when the connection is back, may be on a dead one. */
const UNDER_WAY_MS = 1_000;

/** A page that crashed could not say that it is gone: this tab's last one is known by this. */
const LAST = 'sse-chat.outbox';

export class Outbox {
  /** @type {Entry[]} in the order in which they were written */
  entries = [];
  #key = `outbox.${makeId()}`;
  #die = live(this.#key);
  /** Pages that have left something, should they be gone one day. @type {Set<string>} */
  #heirOf = new Set();
  /** Aborts the wait for their end. */
  #inherits = new AbortController();
  #changed;
  #silent;
  /** None, once the page is gone: requests that it takes along still end. */
  #lease = LEASE_MS;
  #failures = 0;
  /** The letter that is under way. */
  #sending = { since: 0, abort: new AbortController() };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry = undefined;

  /** @param {() => void} changed @param {() => void} silent a letter got no answer: the stream may be dead, too */
  constructor(changed, silent) {
    this.#changed = changed;
    this.#silent = silent;
    this.#adopt(this.#takeTurns());
    setInterval(() => {
      this.#adopt();
      if (this.entries.length > 0) this.#keep();
    }, RENEW_MS);
    addEventListener('pagehide', () => {
      this.#lease = 0;
      this.#keep();
      this.#die();
      this.#inherits.abort();
      this.#heirOf.clear();
    });
    addEventListener('pageshow', (event) => {
      if (!event.persisted) return;
      this.#lease = LEASE_MS;
      this.#die = live(this.#key);
      this.#inherits = new AbortController();
      // Another page may have taken what this one had left.
      if (!memory.keys(this.#key).length) this.entries = this.entries.filter(({ state }) => state === 'sent');
      this.#adopt();
      void this.flush();
    });
  }

  /** @param {string} room @param {string} text */
  send(room, text) {
    const letter = { client_id: makeId(), room, text, at: Date.now() };
    me.wrote(letter.client_id);
    this.entries.push({ ...letter, state: 'queued', failure: null, message: null });
    this.#keep();
    void this.flush();
  }

  /** Sends what waits, one after the other. */
  async flush() {
    if (!me.name || this.#lease === 0 || this.entries.some(({ state }) => state === 'sending')) return;
    clearTimeout(this.#retry);
    /** Rooms that take nothing at the moment. @type {Set<string>} */
    const stalled = new Set();
    for (let entry; (entry = this.entries.find(({ state, room }) => state === 'queued' && !stalled.has(room)));) {
      if (!await this.#post(entry)) stalled.add(entry.room);
      if (this.#lease === 0 || entry.failure !== 'old' && entry.failure?.status === 0) return;
    }
  }

  /** The connection is back. */
  back() {
    this.#failures = 0;
    if (Date.now() - this.#sending.since > UNDER_WAY_MS) this.#sending.abort.abort();
    void this.flush();
  }

  /** Tries a letter again that had failed. @param {Entry} entry */
  again(entry) {
    entry.state = 'queued';
    entry.at = Date.now();
    this.#keep();
    void this.flush();
  }

  /** @param {Entry} entry */
  remove(entry) {
    this.entries = this.entries.filter((other) => other !== entry);
    this.#keep();
  }

  /** A message is on the page: if it was one of these, it has arrived. @param {Message} message */
  arrived(message) {
    const entry = this.entries.find(({ client_id }) => client_id === message.client_id);
    if (entry) this.remove(entry);
  }

  /** Messages of a room that the server has taken, but the stream will not bring, since they are up to `end`. @param {string} room @param {string} end @returns {Message[]} */
  takeLost(room, end) {
    const lost = this.entries.filter(({ message }) =>
      message?.room === room && (isOfEarlierEpoch(message.id, end) || isUpTo(message.id, end)));
    lost.forEach((entry) => this.remove(entry));
    return lost.flatMap(({ message }) => message ?? []);
  }

  /** @param {Entry} entry @returns {Promise<boolean>} whether the next one may go */
  async #post(entry) {
    entry.state = 'sending';
    entry.failure = null;
    this.#sending = { since: Date.now(), abort: new AbortController() };
    this.#changed();
    try {
      const { room, text, client_id } = entry;
      const patience = this.#failures < MAX_DEAD ? DEAD_MS : SLOW_MS;
      entry.message = await server.say(room, { name: me.name, message: text, client_id }, patience, this.#sending.abort.signal);
      entry.state = 'sent';
      this.#failures = 0;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      entry.failure = error;
      entry.state = error.isPassing ? 'queued' : 'failed';
      if (error.isPassing) this.#tryLater(error);
    }
    this.#keep();
    return entry.state !== 'queued';
  }

  /** @param {Failure} failure */
  #tryLater({ code, retryAfter }) {
    const most = Math.min(BACKOFF_TO_MS, BACKOFF_FROM_MS * 2 ** this.#failures);
    this.#failures += 1;
    clearTimeout(this.#retry);
    if (code === 'timeout') this.#silent();
    // No answer was the wait: there is no other.
    const wait = code === 'timeout' ? 0 : Math.max(retryAfter * 1_000, most / 2 + Math.random() * most / 2);
    this.#retry = setTimeout(() => void this.flush(), wait);
  }

  /** @returns {string | null} the key of the page that was in this tab before */
  #takeTurns() {
    try {
      const last = sessionStorage.getItem(LAST);
      sessionStorage.setItem(LAST, this.#key);
      return last;
    } catch {
      return null; // Without storage, nothing is left in it either.
    }
  }

  /** Takes over what pages that are gone have left, now or when they go. @param {string | null} [last] was in this tab before */
  #adopt(last = null) {
    for (const key of memory.keys('outbox.')) {
      const box = memory.get(key, /** @type {Box | null} */ (null));
      if (key === this.#key || !box) continue;
      // With locks, the last one is not taken for gone: a tab that was duplicated has its original's.
      if (box.until <= Date.now() || key === last && !canTell) this.#take(key);
      else if (!this.#heirOf.has(key)) {
        this.#heirOf.add(key);
        whenGone(key, this.#inherits.signal, () => {
          this.#heirOf.delete(key);
          this.#take(key);
        });
      }
    }
  }

  /** @param {string} key of a page that is gone */
  #take(key) {
    const box = memory.get(key, /** @type {Box | null} */ (null));
    if (!box || this.#lease === 0) return;
    memory.set(key, null);
    for (const letter of Array.isArray(box.letters) ? box.letters : []) {
      if ([letter?.client_id, letter?.room, letter?.text].some((part) => typeof part !== 'string')) continue;
      const isOld = Date.now() - letter.at > OLD_MS;
      if (this.entries.some(({ client_id }) => client_id === letter.client_id)) continue;
      this.entries.push({ ...letter, state: isOld ? 'failed' : 'queued', failure: isOld ? 'old' : null, message: null });
    }
    this.entries.sort((a, b) => a.at - b.at);
    this.#keep();
    void this.flush();
  }

  #keep() {
    const letters = this.entries.filter(({ message }) => !message)
      .map(({ client_id, room, text, at }) => ({ client_id, room, text, at }));
    memory.set(this.#key, letters.length ? { until: Date.now() + this.#lease, letters } : null);
    this.#changed();
  }
}
