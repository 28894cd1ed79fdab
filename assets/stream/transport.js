// Connects this tab to the event stream: through the SharedWorker of all tabs, or
// over its own connection where there is no SharedWorker.

/**
 * @typedef {import('./connection.js').Connection} Connection
 * @typedef {import('./connection.js').StreamOptions} StreamOptions
 * @typedef {import('./connection.js').StreamEvent | {type: 'attached', snapshot: import('./snapshot.js').StreamState}} TabEvent
 * @typedef {(event: TabEvent) => void} Emit
 * @typedef {import('./connection.js').Call} Call
 */

/** Timeout for a message from the worker. */
const WORKER_MS = 2_000;
/** The worker pings every 30 s; after two missed pings it is checked. */
const SILENCE_MS = 75_000;
/** How long until a script that could not be loaded is requested again. */
const LOAD_AGAIN_MS = 5_000;

/** The stream of the SharedWorker. */
class SharedStream {
  #root;
  #port;
  #failed;
  /** @type {ReturnType<typeof setTimeout> | undefined} runs while a message of the worker is due */
  #due = undefined;
  #lastMessageAt = Date.now();
  #watch = setInterval(() => {
    if (Date.now() - this.#lastMessageAt > SILENCE_MS) this.call('wake');
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

  /** @param {Call} type */
  call(type) {
    this.#post({ type });
    // A browser may end a worker, and a port has no event for it.
    if (type === 'wake') this.#expectMessage();
  }

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

/** The stream of this tab alone. Its code is that of the worker, so it is loaded only here. */
class OwnStream {
  #root;
  #emit;
  /** @type {StreamOptions} */
  #options = { rooms: [], name: '' };
  /** @type {Connection | null} */
  #connection = null;
  #isLoading = false;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #loadAgain = undefined;

  /** @param {URL} root @param {Emit} emit */
  constructor(root, emit) {
    this.#root = root;
    this.#emit = emit;
  }

  /** @param {StreamOptions} options */
  subscribe(options) {
    this.#options = options;
    if (this.#connection) this.#connection.subscribe(options);
    else void this.#load();
  }

  /** @param {Call} type */
  call(type) {
    if (this.#connection) this.#connection[type]();
    else if (type === 'retryNow' || type === 'online') void this.#load();
  }

  stop() {
    clearTimeout(this.#loadAgain);
    this.#options = { ...this.#options, rooms: [] };
    this.#connection?.stop();
  }

  async #load() {
    if (this.#isLoading) return;
    this.#isLoading = true;
    clearTimeout(this.#loadAgain);
    const module = await import('./connection.js').catch(() => null);
    this.#isLoading = false;
    if (module) {
      this.#connection = new module.Connection(this.#root, this.#emit);
      this.#connection.subscribe(this.#options);
    } else if (this.#options.rooms.length > 0) {
      this.#loadAgain = setTimeout(() => void this.#load(), LOAD_AGAIN_MS);
      const retryAt = Date.now() + LOAD_AGAIN_MS;
      this.#emit({ type: 'state', state: 'waiting', retryAt, reason: null, refusal: null, forbidden: [] });
    }
  }
}

/** @param {string} host as in a URL */
export const isThisMachine = (host) => /^(localhost|.*\.localhost|127(\.\d+){3}|\[::1\])$/.test(host);

export class Transport {
  /** @type {SharedStream | OwnStream} */
  #stream;
  /** @type {StreamOptions} */
  #options = { rooms: [], name: '' };

  /** @param {URL} root @param {Emit} emit */
  constructor(root, emit) {
    const direct = () => new OwnStream(root, emit);
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
    this.#stream.call('suspect');
  }

  /** Reconnects without waiting. */
  retryNow() {
    this.#stream.call('retryNow');
  }

  /** A session has begun or ended. */
  restart() {
    this.#stream.call('restart');
  }

  #watchThePage() {
    const wake = () => this.#stream.call('wake');
    addEventListener('online', () => this.#stream.call('online'));
    addEventListener('focus', wake);
    // A server on this machine needs no network.
    if (!isThisMachine(location.hostname)) addEventListener('offline', () => this.#stream.call('offline'));
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
