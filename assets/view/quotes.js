// The beginnings of messages that others answer. Those that are not on the page are
// requested one at a time, the latest first.

import { idBefore } from '../server/protocol.js';
import { server } from '../server/server.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {import('./rows.js').Quoted} Quoted
 * @typedef {{loaded(id: string): Message | undefined, changed(): void}} Host `loaded`: a message of the open room
 */

/** The most characters of a quote. */
const MAX_LENGTH = 160;
/** The most quotes that are kept, and that wait. */
const [MAX_KEPT, MAX_WAITING] = [300, 40];

export class Quotes {
  #host;
  /** By the ids of the messages. @type {Map<string, Quoted>} */
  #kept = new Map();
  /** Ids and rooms, the next one last. @type {Map<string, string>} */
  #waiting = new Map();
  /** Ids that could not be requested, until the connection is back. @type {Set<string>} */
  #failed = new Set();
  #isLoading = false;

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
      const page = await server.messages(room, { after: idBefore(id), limit: 1 }).catch(() => null);
      this.#waiting.delete(id);
      if (page) this.#keep(id, page.messages.find((message) => message.id === id));
      else this.#failed.add(id);
    }
    this.#isLoading = false;
    this.#host.changed();
  }

  /** @param {string} id @param {Message | undefined} message */
  #keep(id, message) {
    this.#kept.set(id, message ? quoteOf(message) : { name: '', text: '' });
    const [first] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT && first) this.#kept.delete(first);
  }
}

/** @param {Message} message @returns {Quoted} */
export const quoteOf = ({ name, message, deleted }) => (deleted ? { name: '', text: '' }
  : { name, text: [...message.slice(0, 2 * MAX_LENGTH).replace(/^\/me /, '').replace(/\s+/g, ' ')].slice(0, MAX_LENGTH).join('') });
