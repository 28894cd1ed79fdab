// The event stream as a state machine around EventSource. The browser brings
// a lost stream back by itself once; all that it leaves out is done here: a
// silence is noticed, a refusal is not the end, waits grow and are random.
//
// Runs in a page or in a SharedWorker, so there is no document here.

/**
 * @typedef {import('./protocol.js').Message} Message
 * @typedef {import('./protocol.js').Gap} Gap
 * @typedef {import('./protocol.js').Hello} Hello
 * @typedef {import('./protocol.js').Presence} Presence
 *
 * @typedef {'connecting' | 'live' | 'waiting' | 'closed'} State
 * @typedef {{rooms: string[], name: string}} Wish
 * @typedef {{status: number, code: string, detail: string}} Refusal
 * @typedef {{type: 'state', state: State, retryAt: number | null, reason: string | null, refusal: Refusal | null}} StateEvent
 *   `retryAt` by Date.now(), null while the browser itself decides; `reason`: what a stream said at its end;
 *   `refusal`: the answer in place of a stream
 * @typedef {StateEvent
 *   | {type: 'hello', hello: Hello, resumed: boolean}
 *   | {type: 'update', message: Message}
 *   | {type: 'gap', gap: Gap, cursor: string}
 *   | {type: 'presence', presence: Presence}
 *   | {type: 'refused', code: string}} StreamEvent
 */

/** The server says its own in hello; this holds until then. */
const DEFAULT_PING_MS = 15_000;
/** This many pings without a sign of life, and the connection is dead. */
const MISSED_PINGS = 2.5;
/**
 * How long the first event may take. A browser has up to six idle connections
 * to a server, and after a tunnel all of them are dead without its knowing:
 * each try finds one out. After so many the network is not dead, but slow.
 */
const [CONNECT_FROM_MS, CONNECT_TO_MS, SLOW_MS] = [1_000, 5_000, 20_000];
const MAX_DEAD = 6;
/** Waits are random, up to 1 s, 2 s, 4 s, … 30 s, and never shorter than the floor. */
const [BACKOFF_FLOOR_MS, BACKOFF_FROM_MS, BACKOFF_TO_MS] = [250, 1_000, 30_000];
/** How long an answer may take that says why there is no stream; and how long it may ask to wait. */
const [ANSWER_MS, RETRY_AFTER_TO_MS] = [5_000, 120_000];
/** A stream that has lived for so long was a good one: waits begin anew after it. */
const STABLE_MS = 10_000;
/** Focus, visibility and network often come back together. */
const WAKE_MS = 250;
/** All tabs tell that the network is back; and what has been heard from since then is alive. */
const ONLINE_MS = 1_000;

export class Connection {
  #root;
  #emit;
  /** @type {Wish} */
  #wish = { rooms: [], name: '' };
  #cursor = '';
  /** @type {EventSource | null} */
  #source = null;
  /** @type {StateEvent} */
  #state = { type: 'state', state: 'connecting', retryAt: null, reason: null, refusal: null };
  /** @type {Refusal | null} */
  #refusal = null;
  #pingMs = DEFAULT_PING_MS;
  #heardAt = 0;
  #failures = 0;
  #closed = false;
  /** @type {Record<'retry' | 'watchdog' | 'stable' | 'wake', ReturnType<typeof setTimeout> | undefined>} */
  #timers = { retry: undefined, watchdog: undefined, stable: undefined, wake: undefined };

  /** @param {URL} root the server's @param {(event: StreamEvent) => void} emit */
  constructor(root, emit) {
    this.#root = root;
    this.#emit = emit;
  }

  get state() {
    return this.#state;
  }

  /** Is in these rooms from now on; in none, there is no stream. @param {Wish} wish */
  want(wish) {
    const same = JSON.stringify(wish) === JSON.stringify(this.#wish);
    this.#wish = wish;
    if (wish.rooms.length === 0) this.stop();
    else if (!same || !this.#source && !this.#timers.retry) this.#open();
  }

  /** Somebody looks at the page again, or the network is back: no time to lose. */
  wake() {
    clearTimeout(this.#timers.wake);
    this.#timers.wake = setTimeout(() => {
      const dead = !this.#source || this.#source.readyState === EventSource.CLOSED;
      if (dead || Date.now() - this.#heardAt > this.#pingMs + 5_000) this.#open();
    }, WAKE_MS);
  }

  /** There is a network again, perhaps another one: what was open may be dead. */
  online() {
    if (Date.now() - this.#heardAt > ONLINE_MS) this.now();
  }

  /** Something got no answer: what is open may be dead, too. Without a network there is nothing to find out. */
  suspect() {
    if (this.#state.reason !== 'offline') this.online();
  }

  /** Somebody does not want to wait. */
  now() {
    this.#failures = 0;
    this.#open();
  }

  /** The network is gone: there is nothing to try until it is back. */
  offline() {
    if (this.#closed) return;
    this.stop();
    this.#heardAt = 0;
    this.#say('waiting', null, 'offline');
  }

  stop() {
    this.#drop();
    clearTimeout(this.#timers.wake);
  }

  #open() {
    this.#drop();
    if (this.#closed || this.#wish.rooms.length === 0) return;
    const source = new EventSource(this.#url());
    this.#source = source;
    // Who wakes it again and again must not keep it from connecting.
    this.#heardAt = Date.now();
    this.#say('connecting');
    this.#watch(this.#patience);
    this.#listen(source, 'hello', (hello, id) => {
      const resumed = this.#cursor !== '';
      this.#cursor = id;
      this.#pingMs = hello.ping_ms;
      this.#heard();
      clearTimeout(this.#timers.stable);
      this.#timers.stable = setTimeout(() => { this.#failures = 0; }, STABLE_MS);
      this.#refusal = null;
      this.#say('live');
      this.#emit({ type: 'hello', hello, resumed });
    });
    this.#listen(source, 'update', (message, id) => {
      this.#cursor = id;
      this.#emit({ type: 'update', message });
    });
    this.#listen(source, 'gap', (gap, id) => {
      this.#cursor = id;
      this.#emit({ type: 'gap', gap, cursor: id });
    });
    this.#listen(source, 'presence', (presence) => this.#emit({ type: 'presence', presence }));
    this.#listen(source, 'ping', () => {});
    this.#listen(source, 'busy', ({ retry_ms, reason }) => this.#comeBack(retry_ms, `busy ${reason}`));
    this.#listen(source, 'bye', ({ retry_ms }) => this.#comeBack(retry_ms, 'bye'));
    this.#listen(source, 'close', () => {
      this.#drop();
      this.#closed = true;
      this.#say('closed');
    });
    source.addEventListener('error', () => this.#failed(source));
  }

  /** @param {EventSource} source @param {string} type @param {(data: any, id: string) => void} handle */
  #listen(source, type, handle) {
    source.addEventListener(type, (event) => {
      if (source !== this.#source) return;
      this.#heard();
      handle(event.data ? JSON.parse(event.data) : null, event.lastEventId);
    });
  }

  #drop() {
    for (const timer of /** @type {const} */ (['retry', 'watchdog', 'stable'])) {
      clearTimeout(this.#timers[timer]);
      this.#timers[timer] = undefined;
    }
    this.#source?.close();
    this.#source = null;
  }

  #url() {
    const url = new URL('events', this.#root);
    for (const room of this.#wish.rooms) url.searchParams.append('room', room);
    // On a reconnect of its own the browser sends the same URL again, with a
    // Last-Event-ID that wins over what stands here.
    if (this.#cursor) url.searchParams.set('last_event_id', this.#cursor);
    if (this.#wish.name) url.searchParams.set('name', this.#wish.name);
    else url.searchParams.set('presence', '1');
    return url;
  }

  #heard() {
    this.#heardAt = Date.now();
    this.#watch(this.#pingMs * MISSED_PINGS);
  }

  /** @param {number} ms */
  #watch(ms) {
    clearTimeout(this.#timers.watchdog);
    this.#timers.watchdog = setTimeout(() => this.#silent(), ms);
  }

  /** Nothing was heard for too long. That was the wait: there is no other. */
  #silent() {
    this.#failures += 1;
    this.#refusal = null;
    this.#comeBack(BACKOFF_FLOOR_MS, null);
  }

  /** @param {EventSource} source */
  #failed(source) {
    if (source !== this.#source) return;
    clearTimeout(this.#timers.stable);
    if (source.readyState === EventSource.CONNECTING && this.#failures === 0) {
      // The browser comes back by itself, after the time that the server gave it.
      this.#failures = 1;
      this.#say('waiting');
      this.#watch(this.#patience);
      return;
    }
    const refused = source.readyState === EventSource.CLOSED;
    // What was answered before says nothing about a failure without an answer.
    if (!refused) this.#refusal = null;
    this.#comeBack(this.#backoff(), null);
    if (refused) void this.#askWhy(source.url);
  }

  get #patience() {
    if (this.#failures > MAX_DEAD) return SLOW_MS;
    return Math.min(CONNECT_TO_MS, Math.max(CONNECT_FROM_MS, this.#pingMs * MISSED_PINGS));
  }

  #backoff() {
    const most = Math.min(BACKOFF_TO_MS, BACKOFF_FROM_MS * 2 ** this.#failures);
    this.#failures += 1;
    return Math.max(BACKOFF_FLOOR_MS, Math.random() * most);
  }

  /** @param {number} afterMs @param {string | null} reason */
  #comeBack(afterMs, reason) {
    this.#drop();
    // The stream itself was answered, whatever was refused before.
    if (reason) this.#refusal = null;
    this.#timers.retry = setTimeout(() => this.#open(), afterMs);
    this.#say('waiting', Date.now() + afterMs, reason);
  }

  /** An EventSource does not tell why it was refused. @param {string} url */
  async #askWhy(url) {
    const answer = await answerTo(url);
    if (!answer || this.#state.state !== 'waiting') return;
    const { status, code, detail, retryAfterMs } = answer;
    this.#refusal = { status, code, detail };
    const { retryAt, reason } = this.#state;
    if (retryAt !== null && Date.now() + retryAfterMs > retryAt) this.#comeBack(retryAfterMs, reason);
    else this.#say('waiting', retryAt, reason);
    this.#emit({ type: 'refused', code });
  }

  /** @param {State} state @param {number | null} retryAt @param {string | null} reason */
  #say(state, retryAt = null, reason = null) {
    this.#state = { type: 'state', state, retryAt, reason, refusal: this.#refusal };
    this.#emit(this.#state);
  }
}

/**
 * What is answered in place of a stream; null where there would be a stream, or is no answer.
 * @param {string} url @returns {Promise<Refusal & {retryAfterMs: number} | null>}
 */
async function answerTo(url) {
  const init = { signal: AbortSignal.timeout(ANSWER_MS) };
  try {
    // By HEAD first, which takes no stream; but only GET has the problem in its body.
    if ((await fetch(url, { ...init, method: 'HEAD' })).ok) return null;
    const response = await fetch(url, init);
    if (response.ok) {
      void response.body?.cancel();
      return null;
    }
    const problem = await response.json().catch(() => null);
    const seconds = Number(response.headers.get('retry-after')) || 0;
    return {
      status: response.status,
      code: String(problem?.code ?? ''),
      detail: String(problem?.detail ?? ''),
      retryAfterMs: Math.min(seconds * 1_000, RETRY_AFTER_TO_MS),
    };
  } catch {
    return null;
  }
}
