// The beginnings of messages that others answer. Those that are not on the page are
// requested one at a time, the latest first.

import { idBefore } from '../server/protocol.js';
import { Failure, server } from '../server/server.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {import('./rows.js').Quoted} Quoted
 * @typedef {{loaded(id: string): Message | undefined, changed(): void}} Host `loaded`: a message of the open room
 */

/** The most characters of a quote. */
const MAX_LENGTH = 160;
/** The most quotes that are kept: more than a log has, which would ask for the first again. */
const MAX_KEPT = 1_000;
/** The most that wait. */
const MAX_WAITING = 40;
/** The most requests at once, and how many more there may be per second: who answers many messages does not use up the rate of others. */
const [BURST, PER_SECOND] = [100, 4];
/** Without a time of the server, in s. */
const WAIT_S = 2;

export class Quotes {
  #host;
  /** By the ids of the messages. @type {Map<string, Quoted>} */
  #kept = new Map();
  /** Ids and rooms, the next one last. @type {Map<string, string>} */
  #waiting = new Map();
  /** Ids that could not be requested, until the connection is back. @type {Set<string>} */
  #failed = new Set();
  #isLoading = false;
  /** When all of the burst may be used again, by Date.now(). */
  #rested = 0;

  /** @param {Host} host */
  constructor(host) {
    this.#host = host;
  }

  /** @param {string} room @param {string} id @returns {Quoted | null} null while it is being loaded */
  get(room, id) {
    const loaded = this.#host.loaded(id);
    if (loaded) return quoteOf(loaded);
    const kept = this.#kept.get(id);
    if (!kept && !this.#failed.has(id)) this.#request(room, id);
    return kept ?? null;
  }

  /** @param {Message} message that was edited or deleted */
  changed(message) {
    if (this.#kept.has(message.id)) this.#kept.set(message.id, quoteOf(message));
  }

  /** The connection is back. */
  back() {
    this.#failed.clear();
  }

  /** @param {string} room @param {string} id */
  #request(room, id) {
    this.#waiting.delete(id);
    this.#waiting.set(id, room);
    const [first] = this.#waiting.keys();
    // Asked for again at the next draw.
    if (this.#waiting.size > MAX_WAITING && first) this.#waiting.delete(first);
    void this.#load();
  }

  async #load() {
    if (this.#isLoading) return;
    this.#isLoading = true;
    for (let next; (next = [...this.#waiting].at(-1));) {
      const [id, room] = next;
      await this.#rest();
      const answer = await server.messages(room, { after: idBefore(id), limit: 1 }).catch((error) => error);
      if (answer instanceof Failure && answer.status === 429) {
        await slept((answer.retryAfter || WAIT_S) * 1_000);
        continue;
      }
      this.#waiting.delete(id);
      if (answer instanceof Failure && answer.isPassing) this.#failed.add(id);
      // An id that the server does not take is that of no message.
      else this.#keep(id, answer instanceof Failure ? undefined : answer.messages.find((/** @type {Message} */ message) => message.id === id));
    }
    this.#isLoading = false;
    this.#host.changed();
  }

  /** Waits until the next request may be made. */
  async #rest() {
    const now = Date.now();
    this.#rested = Math.max(this.#rested, now) + 1_000 / PER_SECOND;
    await slept(Math.max(0, this.#rested - now - BURST * 1_000 / PER_SECOND));
  }

  /** @param {string} id @param {Message | undefined} message */
  #keep(id, message) {
    this.#kept.set(id, message ? quoteOf(message) : { name: '', text: '' });
    const [first] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT && first) this.#kept.delete(first);
  }
}

/** @param {number} ms @returns {Promise<void>} */
const slept = (ms) => new Promise((done) => { setTimeout(done, ms); });

/** @param {Message} message @returns {Quoted} */
export const quoteOf = ({ name, message, deleted }) => (deleted ? { name: '', text: '' }
  : { name, text: [...message.slice(0, 2 * MAX_LENGTH).replace(/^\/me /, '').replace(/\s+/g, ' ')].slice(0, MAX_LENGTH).join('') });
