// The beginnings of messages that others answer.

import { OnDemand } from './on_demand.js';
import { quoteOf } from './rows.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {import('./rows.js').Quoted} Quoted
 * @typedef {{loaded(id: string): Message | undefined, changed(): void}} Host `loaded`: a message of the open room
 */

/** The most quotes that are kept: more than a log has, which would ask for the first again. */
const MAX_KEPT = 1_000;

export class Quotes {
  #host;
  /** By the ids of the messages. @type {Map<string, Quoted>} */
  #kept = new Map();
  /** Requests what is not on the page. */
  #loader = new OnDemand(async () => {
    const { QuoteLoader } = await import('../later/quote_loader.js');
    return new QuoteLoader({ found: (id, message) => this.#keep(id, message), changed: () => this.#host.changed() });
  });

  /** @param {Host} host */
  constructor(host) {
    this.#host = host;
  }

  /** @param {string} room @param {string} id @returns {Quoted | null} null while it is being loaded */
  get(room, id) {
    const loaded = this.#host.loaded(id);
    if (loaded) return quoteOf(loaded);
    const kept = this.#kept.get(id);
    if (!kept) void this.#loader.use((loader) => loader.request(room, id));
    return kept ?? null;
  }

  /** @param {Message} message that was edited or deleted */
  changed(message) {
    if (this.#kept.has(message.id)) this.#kept.set(message.id, quoteOf(message));
  }

  /** The connection is back. */
  back() {
    this.#loader.part?.back();
  }

  /** @param {string} id @param {Message | undefined} message */
  #keep(id, message) {
    this.#kept.set(id, message ? quoteOf(message) : { name: '', text: '' });
    const [first] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT && first) this.#kept.delete(first);
  }
}
