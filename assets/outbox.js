// What is on its way to the server. It survives a reload, goes out in the
// order in which it was written, and always under the same client id, so that
// it is said once however often it has to be sent.

import { me } from './me.js';
import { memory } from './memory.js';
import { isSameEpoch, isUpTo, makeId } from './protocol.js';
import { Failure, server } from './server.js';

/**
 * @typedef {import('./protocol.js').Message} Message
 * @typedef {{client_id: string, room: string, text: string, at: number}} Letter
 * @typedef {Letter & {state: 'queued' | 'sending' | 'sent' | 'failed', failure: Failure | 'old' | null, message: Message | null}} Entry
 * @typedef {{until: number, letters: Letter[]}} Box what storage has: until when its page holds it
 */

/** A page that does not say so for this long is gone, and what it left is sent by another. */
const LEASE_MS = 90_000;
const RENEW_MS = 20_000;
/** Older letters are not sent without a word. */
const OLD_MS = 24 * 3_600_000;
const [BACKOFF_FROM_MS, BACKOFF_TO_MS] = [1_000, 30_000];

export class Outbox {
  /** @type {Entry[]} in the order in which they were written */
  entries = [];
  #key = `outbox.${makeId()}`;
  #changed;
  /** None, once the page is gone: requests that it takes along still end. */
  #lease = LEASE_MS;
  #failures = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry = undefined;

  /** @param {() => void} changed */
  constructor(changed) {
    this.#changed = changed;
    this.#adopt();
    setInterval(() => {
      this.#adopt();
      if (this.entries.length > 0) this.#keep();
    }, RENEW_MS);
    addEventListener('pagehide', () => {
      this.#lease = 0;
      this.#keep();
    });
    addEventListener('pageshow', (event) => {
      if (!event.persisted) return;
      this.#lease = LEASE_MS;
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
    for (let entry; (entry = this.entries.find(({ state }) => state === 'queued'));) {
      if (!await this.#post(entry) || this.#lease === 0) return;
    }
  }

  /** The connection is back. */
  back() {
    this.#failures = 0;
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

  /** What the server has taken, but the stream will not bring, since a gap swallowed it. @param {string} cursor @returns {Message[]} */
  takeLost(cursor) {
    const lost = this.entries.filter(({ message }) =>
      message && (!isSameEpoch(message.id, cursor) || isUpTo(message.id, cursor)));
    lost.forEach((entry) => this.remove(entry));
    return lost.flatMap(({ message }) => message ?? []);
  }

  /** @param {Entry} entry @returns {Promise<boolean>} whether the next one may go */
  async #post(entry) {
    entry.state = 'sending';
    this.#changed();
    try {
      const { room, text, client_id } = entry;
      entry.message = await server.say(room, { name: me.name, message: text, client_id });
      entry.state = 'sent';
      this.#failures = 0;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      entry.failure = error;
      entry.state = error.isPassing ? 'queued' : 'failed';
      if (error.isPassing) this.#tryLater(error.retryAfter * 1_000);
    }
    this.#keep();
    return entry.state !== 'queued';
  }

  /** @param {number} atLeastMs */
  #tryLater(atLeastMs) {
    const most = Math.min(BACKOFF_TO_MS, BACKOFF_FROM_MS * 2 ** this.#failures);
    this.#failures += 1;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.flush(), Math.max(atLeastMs, most / 2 + Math.random() * most / 2));
  }

  /** Takes over what a page that is gone has left. */
  #adopt() {
    let found = false;
    for (const key of memory.keys('outbox.')) {
      const box = memory.get(key, /** @type {Box | null} */ (null));
      if (key === this.#key || !box || box.until > Date.now()) continue;
      memory.set(key, null);
      found = true;
      for (const letter of box.letters ?? []) {
        const isOld = Date.now() - letter.at > OLD_MS;
        if (this.entries.some(({ client_id }) => client_id === letter.client_id)) continue;
        this.entries.push({ ...letter, state: isOld ? 'failed' : 'queued', failure: isOld ? 'old' : null, message: null });
      }
    }
    if (!found) return;
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
