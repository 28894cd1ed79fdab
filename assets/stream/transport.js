// Connects this tab to the event stream: through the SharedWorker of all tabs, or
// over its own connection where there is no SharedWorker.

import { Connection } from './connection.js';

/**
 * @typedef {import('./connection.js').StreamOptions} StreamOptions
 * @typedef {import('./connection.js').StreamEvent | {type: 'attached', snapshot: import('./snapshot.js').StreamState}} TabEvent
 * @typedef {(event: TabEvent) => void} Emit
 */

/** Timeout for a message from the worker. */
const WORKER_MS = 2_000;
/** The worker pings every 30 s; after two missed pings it is checked. */
const SILENCE_MS = 75_000;

/** The stream of the SharedWorker. */
class SharedStream {
  #root;
  #port;
  #failed;
  /** @type {ReturnType<typeof setTimeout> | undefined} runs while a message of the worker is due */
  #due = undefined;
  #lastMessageAt = Date.now();
  #watch = setInterval(() => {
    if (Date.now() - this.#lastMessageAt > SILENCE_MS) this.wake();
  }, SILENCE_MS);

  /** @param {URL} root @param {Emit} emit @param {() => void} failed the worker is unavailable */
  constructor(root, emit, failed) {
    this.#root = root;
    this.#failed = failed;
    const worker = new SharedWorker(new URL('./worker.js', import.meta.url), { type: 'module', name: 'sse-chat' });
    this.#port = worker.port;
    worker.addEventListener('error', () => this.#giveUp());
    this.#port.onmessage = ({ data }) => {
      clearTimeout(this.#due);
      this.#lastMessageAt = Date.now();
      const event = /** @type {import('./worker.js').ToTab} */ (data);
      if (event.type === 'ping') this.#post({ type: 'pong' });
      else if (event.type === 'full') this.#giveUp();
      else emit(event);
    };
    this.#expectMessage();
  }

  /** @param {StreamOptions} options */
  subscribe(options) {
    this.#post({ type: 'subscribe', options, root: this.#root.href });
  }

  wake() {
    this.#post({ type: 'wake' });
    // A browser may end a worker, and a port has no event for it.
    this.#expectMessage();
  }

  retryNow() { this.#post({ type: 'retryNow' }); }

  restart() { this.#post({ type: 'restart' }); }

  online() { this.#post({ type: 'online' }); }

  suspect() { this.#post({ type: 'suspect' }); }

  offline() { this.#post({ type: 'offline' }); }

  stop() {
    clearTimeout(this.#due);
    this.#post({ type: 'bye' });
  }

  /** @param {import('./worker.js').FromTab} message */
  #post(message) {
    this.#port.postMessage(message);
  }

  #expectMessage() {
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

/** @param {string} host as in a URL */
const isThisMachine = (host) => /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(host);

export class Transport {
  /** @type {SharedStream | Connection} */
  #stream;
  /** @type {StreamOptions} */
  #options = { rooms: [], name: '' };

  /** @param {URL} root @param {Emit} emit */
  constructor(root, emit) {
    const direct = () => new Connection(root, emit);
    const mayShare = new URLSearchParams(location.search).get('shared') !== '0';
    try {
      if (!mayShare || typeof SharedWorker !== 'function') throw new Error('no shared worker');
      this.#stream = new SharedStream(root, emit, () => {
        this.#stream = direct();
        this.#stream.subscribe(this.#options);
      });
    } catch {
      this.#stream = direct();
    }
    this.#watchThePage();
  }

  /** Sets the rooms and the name of the stream. @param {StreamOptions} options */
  subscribe(options) {
    if (JSON.stringify(options) === JSON.stringify(this.#options)) return;
    this.#options = options;
    this.#stream.subscribe(options);
  }

  /** A request timed out: the stream may be dead, too. */
  suspect() {
    this.#stream.suspect();
  }

  /** Reconnects without waiting. */
  retryNow() {
    this.#stream.retryNow();
  }

  /** A session has begun or ended. */
  restart() {
    this.#stream.restart();
  }

  #watchThePage() {
    const wake = () => this.#stream.wake();
    addEventListener('online', () => this.#stream.online());
    addEventListener('focus', wake);
    // A server on this machine needs no network.
    if (!isThisMachine(location.hostname)) addEventListener('offline', () => this.#stream.offline());
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible') wake();
    });
    // A page in the back/forward cache must not hold a connection.
    addEventListener('pagehide', () => this.#stream.stop());
    addEventListener('pageshow', (event) => {
      if (event.persisted) this.#stream.subscribe(this.#options);
    });
  }
}
