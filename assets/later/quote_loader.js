// Requests the messages that others answer and that are not on the page, one at a
// time, the latest first.

import { idBefore } from '../server/ids.js';
import { Failure, server } from '../server/server.js';

/** @typedef {import('../server/protocol.js').Message} Message */
/** @typedef {{found(id: string, message: Message | undefined): void, changed(): void}} On `found`: without a message, the server has none */

/** The most that wait. */
const MAX_WAITING = 40;
/** The most requests at once, and how many more there may be per second: who answers many messages does not use up the rate of others. */
const [BURST, PER_SECOND] = [100, 4];
/** Without a time of the server, in s. */
const WAIT_S = 2;

export class QuoteLoader {
  #on;
  /** Ids and rooms, the next one last. @type {Map<string, string>} */
  #waiting = new Map();
  /** Ids that could not be requested, until the connection is back. @type {Set<string>} */
  #failed = new Set();
  #isLoading = false;
  /** When all of the burst may be used again, by Date.now(). */
  #rested = 0;

  /** @param {On} on */
  constructor(on) {
    this.#on = on;
  }

  /** The connection is back. */
  back() {
    this.#failed.clear();
  }

  /** @param {string} room @param {string} id */
  request(room, id) {
    if (this.#failed.has(id)) return;
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
      else this.#on.found(id, answer instanceof Failure ? undefined : answer.messages.find((/** @type {Message} */ message) => message.id === id));
    }
    this.#isLoading = false;
    this.#on.changed();
  }

  /** Waits until the next request may be made. */
  async #rest() {
    const now = Date.now();
    this.#rested = Math.max(this.#rested, now) + 1_000 / PER_SECOND;
    await slept(Math.max(0, this.#rested - now - BURST * 1_000 / PER_SECOND));
  }
}

/** @param {number} ms @returns {Promise<void>} */
const slept = (ms) => new Promise((done) => { setTimeout(done, ms); });
