// The way from the stream to this tab: through the SharedWorker that all tabs
// of a browser share, or, where there is none, over a connection of its own.

import { Connection } from './connection.js';

/**
 * @typedef {import('./connection.js').Wish} Wish
 * @typedef {import('./connection.js').StreamEvent | {type: 'attached', told: import('./snapshot.js').Told}} TabEvent
 * @typedef {(event: TabEvent) => void} Emit
 */

/** How long the worker may take for a word. */
const WORKER_MS = 2_000;
/** The worker pings each half minute; it is asked after missing two. */
const SILENCE_MS = 75_000;

/** This tab's part of the shared stream. */
class Shared {
  #root;
  #port;
  #failed;
  /** @type {ReturnType<typeof setTimeout> | undefined} runs while a word of the worker is due */
  #due = undefined;
  #heardAt = Date.now();
  #watch = setInterval(() => {
    if (Date.now() - this.#heardAt > SILENCE_MS) this.wake();
  }, SILENCE_MS);

  /** @param {URL} root @param {Emit} emit @param {() => void} failed the worker can't be had, or is gone */
  constructor(root, emit, failed) {
    this.#root = root;
    this.#failed = failed;
    const worker = new SharedWorker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'sse-chat' });
    this.#port = worker.port;
    worker.addEventListener('error', () => this.#giveUp());
    this.#port.onmessage = ({ data }) => {
      clearTimeout(this.#due);
      this.#heardAt = Date.now();
      const event = /** @type {import('./worker.js').ToTab} */ (data);
      if (event.type === 'ping') this.#say({ say: 'pong' });
      else if (event.type === 'full') this.#giveUp();
      else emit(event);
    };
    this.#expectWord();
  }

  /** @param {Wish} wish */
  want(wish) {
    this.#say({ say: 'want', wish, root: this.#root.href });
  }

  wake() {
    this.#say({ say: 'wake' });
    // Browsers end workers, too, and a port does not tell.
    this.#expectWord();
  }

  now() { this.#say({ say: 'now' }); }

  online() { this.#say({ say: 'online' }); }

  suspect() { this.#say({ say: 'suspect' }); }

  offline() { this.#say({ say: 'offline' }); }

  stop() {
    clearTimeout(this.#due);
    this.#say({ say: 'bye' });
  }

  /** @param {import('./worker.js').FromTab} message */
  #say(message) {
    this.#port.postMessage(message);
  }

  #expectWord() {
    clearTimeout(this.#due);
    this.#due = setTimeout(() => this.#giveUp(), WORKER_MS);
  }

  #giveUp() {
    if (!this.#port.onmessage) return;
    this.stop();
    clearInterval(this.#watch);
    this.#port.onmessage = null;
    this.#port.close();
    this.#failed();
  }
}

/** @param {string} host as in an address */
const isThisMachine = (host) => /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(host);

export class Transport {
  /** @type {Shared | Connection} */
  #way;
  /** @type {Wish} */
  #wish = { rooms: [], name: '' };

  /** @param {URL} root @param {Emit} emit */
  constructor(root, emit) {
    const own = () => new Connection(root, emit);
    const mayShare = new URLSearchParams(location.search).get('shared') !== '0';
    try {
      if (!mayShare || typeof SharedWorker !== 'function') throw new Error('no shared worker');
      this.#way = new Shared(root, emit, () => {
        this.#way = own();
        this.#way.want(this.#wish);
      });
    } catch {
      this.#way = own();
    }
    this.#watchThePage();
  }

  /** Is in these rooms from now on. @param {Wish} wish */
  want(wish) {
    if (JSON.stringify(wish) === JSON.stringify(this.#wish)) return;
    this.#wish = wish;
    this.#way.want(wish);
  }

  /** Something got no answer: the stream may be dead, too. */
  suspect() {
    this.#way.suspect();
  }

  /** Does not wait for the next try. */
  now() {
    this.#way.now();
  }

  #watchThePage() {
    const wake = () => this.#way.wake();
    addEventListener('online', () => this.#way.online());
    addEventListener('focus', wake);
    // A server on this machine is there without any network.
    if (!isThisMachine(location.hostname)) addEventListener('offline', () => this.#way.offline());
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') wake();
    });
    // A page in the back/forward cache must not hold a connection.
    addEventListener('pagehide', () => this.#way.stop());
    addEventListener('pageshow', (event) => {
      if (event.persisted) this.#way.want(this.#wish);
    });
  }
}
