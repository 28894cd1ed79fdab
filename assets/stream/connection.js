// The event stream: a state machine around EventSource. The browser reconnects
// once by itself. This adds a watchdog, retries after refusals, and random
// exponential backoff.
//
// Runs in a page or in a SharedWorker, so it uses no document.

import { fetchRefusal } from './refusal.js';
import { readMessage } from '../server/protocol.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {import('../server/protocol.js').Gap} Gap
 * @typedef {import('../server/protocol.js').Hello} Hello
 * @typedef {import('../server/protocol.js').Presence} Presence
 *
 * @typedef {'connecting' | 'live' | 'waiting' | 'closed'} State
 * @typedef {'wake' | 'online' | 'suspect' | 'retryNow' | 'restart' | 'offline'} Call a method without arguments
 * @typedef {{rooms: string[], name: string}} StreamOptions
 * @typedef {import('./refusal.js').Refusal} Refusal
 * @typedef {{type: 'state', state: State, retryAt: number | null, reason: string | null, refusal: Refusal | null, forbidden: string[]}} StateEvent
 *   `retryAt`: by Date.now(), null while the browser reconnects; `reason`: from the last event of a stream;
 *   `refusal`: the response instead of a stream; `forbidden`: rooms that may not be read
 * @typedef {StateEvent
 *   | {type: 'hello', hello: Hello, resumed: boolean}
 *   | {type: 'update', message: Message}
 *   | {type: 'change', message: Message, id: string}
 *   | {type: 'gap', gap: Gap, cursor: string}
 *   | {type: 'presence', presence: Presence}
 *   | {type: 'expiring', until: number}
 *   | {type: 'stale', since: number | null}
 *   | {type: 'refused', code: string}} StreamEvent
 *   of a change, `id` is its own; `until` is by Date.now(); `since`: by the server's clock, it is cut off
 *   from a history that it shares with others; null if it is not any more. A hello ends it, too
 */

/** The ping interval until hello states that of the server. */
const DEFAULT_PING_MS = 15_000;
/** A connection is dead after this many ping intervals without an event. */
const MISSED_PINGS = 2.5;
/**
 * Timeouts for the first event. A browser may reuse up to six idle connections
 * that died unnoticed while there was no network; each attempt detects one. After
 * MAX_DEAD attempts the network is slow, not dead.
 */
const [CONNECT_FROM_MS, CONNECT_TO_MS, SLOW_MS] = [1_000, 5_000, 20_000];
const MAX_DEAD = 6;
/** Backoff is random, up to 1 s, 2 s, 4 s, … 30 s, and at least the floor. */
const [BACKOFF_FLOOR_MS, BACKOFF_FROM_MS, BACKOFF_TO_MS] = [250, 1_000, 30_000];
/** A stream of this age resets the backoff. */
const STABLE_MS = 10_000;
/** Debounces focus, visibility and online, which often come together. */
const WAKE_MS = 250;
/** All tabs report `online`; a stream with an event this recent is alive. */
const ONLINE_MS = 1_000;

export class Connection {
  #root;
  #emit;
  /** @type {StreamOptions} */
  #options = { rooms: [], name: '' };
  #cursor = '';
  /** The name before a change that the server does not know yet. */
  #was = '';
  /** @type {EventSource | null} */
  #source = null;
  /** @type {StateEvent} */
  #state = { type: 'state', state: 'connecting', retryAt: null, reason: null, refusal: null, forbidden: [] };
  /** @type {Refusal | null} */
  #refusal = null;
  #pingMs = DEFAULT_PING_MS;
  #lastEventAt = 0;
  #failures = 0;
  /** Ended by the server: only a new session or the user reconnects. */
  #closed = false;
  /** Rooms that may not be read with the present session. @type {Set<string>} */
  #forbidden = new Set();
  /** The session fixes another name, so the stream has none. */
  #isNameless = false;
  /** @type {Record<'retry' | 'watchdog' | 'stable' | 'wake' | 'restart', ReturnType<typeof setTimeout> | undefined>} */
  #timers = { retry: undefined, watchdog: undefined, stable: undefined, wake: undefined, restart: undefined };

  /** @param {URL} root of the server @param {(event: StreamEvent) => void} emit */
  constructor(root, emit) {
    this.#root = root;
    this.#emit = emit;
  }

  get state() {
    return this.#state;
  }

  /** Sets the rooms and the name; without rooms there is no stream. @param {StreamOptions} options */
  subscribe(options) {
    const same = JSON.stringify(options) === JSON.stringify(this.#options);
    if (options.name !== this.#options.name) {
      this.#isNameless = false;
      this.#was = options.name && (this.#was || this.#options.name);
    }
    this.#options = options;
    // Another room may be readable.
    if (!same && this.#state.reason === 'forbidden') this.#closed = false;
    if (options.rooms.length === 0) this.stop();
    else if (!same || !this.#source && !this.#timers.retry) this.#open();
  }

  /** The page is visible or focused again: reconnects at once if the stream is dead. */
  wake() {
    clearTimeout(this.#timers.wake);
    this.#timers.wake = setTimeout(() => {
      const dead = !this.#source || this.#source.readyState === EventSource.CLOSED;
      if (dead || Date.now() - this.#lastEventAt > this.#pingMs + 5_000) this.#open();
    }, WAKE_MS);
  }

  /** The network is back, perhaps another one: an open stream may be dead. */
  online() {
    if (Date.now() - this.#lastEventAt > ONLINE_MS) this.#retry();
  }

  /** A request timed out: the stream may be dead, too. Ignored while offline. */
  suspect() {
    if (this.#state.reason !== 'offline') this.online();
  }

  /** Reconnects at once, at the user's request, also after the server has ended the stream. */
  retryNow() {
    this.#closed = false;
    this.#isNameless = false;
    this.#forbidden.clear();
    this.#retry();
  }

  /** A session has begun or ended, which all tabs report. */
  restart() {
    clearTimeout(this.#timers.restart);
    this.#timers.restart = setTimeout(() => this.retryNow(), WAKE_MS);
  }

  #retry() {
    this.#failures = 0;
    this.#open();
  }

  /** The network is gone: stops until it is back. */
  offline() {
    if (this.#closed) return;
    this.stop();
    this.#lastEventAt = 0;
    this.#setState('waiting', null, 'offline');
  }

  stop() {
    this.#drop();
    clearTimeout(this.#timers.wake);
  }

  #open() {
    this.#drop();
    if (this.#closed || this.#options.rooms.length === 0) return;
    if (this.#rooms.length === 0) return this.#end('forbidden');
    const source = new EventSource(this.#url());
    this.#source = source;
    // Counts as an event, so that repeated calls of `wake` do not abort the attempt.
    this.#lastEventAt = Date.now();
    this.#setState('connecting');
    this.#watch(this.#timeout);
    this.#listen(source, 'hello', (hello, id) => {
      const resumed = this.#cursor !== '';
      this.#cursor = id;
      this.#was = '';
      this.#pingMs = hello.ping_ms;
      this.#received();
      clearTimeout(this.#timers.stable);
      this.#timers.stable = setTimeout(() => { this.#failures = 0; }, STABLE_MS);
      this.#refusal = null;
      this.#setState('live');
      this.#emit({ type: 'hello', hello, resumed });
    });
    this.#listen(source, 'update', (message, id) => {
      this.#cursor = id;
      this.#emit({ type: 'update', message });
    });
    this.#listen(source, 'change', (entry, id) => {
      const message = readMessage(entry);
      if (message) this.#emit({ type: 'change', message, id });
    });
    this.#listen(source, 'gap', (gap, id) => {
      this.#cursor = id;
      this.#emit({ type: 'gap', gap, cursor: id });
    });
    this.#listen(source, 'presence', (presence) => this.#emit({ type: 'presence', presence }));
    this.#listen(source, 'ping', () => {});
    this.#listen(source, 'busy', ({ retry_ms, reason }) => this.#retryIn(retry_ms, `busy ${reason}`));
    this.#listen(source, 'bye', ({ retry_ms }) => this.#retryIn(retry_ms, 'bye'));
    this.#listen(source, 'expiring', ({ expires_at }) => this.#emit({ type: 'expiring', until: Date.parse(expires_at) }));
    this.#listen(source, 'stale', ({ since }) => this.#emit({ type: 'stale', since: Date.parse(since) }));
    this.#listen(source, 'fresh', () => this.#emit({ type: 'stale', since: null }));
    this.#listen(source, 'close', (close) => this.#closedFor(close?.reason ?? null, close?.rooms));
    source.addEventListener('error', () => this.#failed(source));
  }

  /** @param {EventSource} source @param {string} type @param {(data: any, id: string) => void} handle */
  #listen(source, type, handle) {
    source.addEventListener(type, (event) => {
      if (source !== this.#source) return;
      this.#received();
      handle(event.data ? JSON.parse(event.data) : null, event.lastEventId);
      // Also of events that the page does not know.
      if (source === this.#source) this.#cursor = event.lastEventId || this.#cursor;
    });
  }

  /** The server has ended the stream for good. @param {string | null} reason @param {string[]} [rooms] */
  #closedFor(reason, rooms = []) {
    const { size } = this.#forbidden;
    rooms.forEach((room) => this.#forbidden.add(room));
    const isOther = this.#forbidden.size > size;
    // Without rooms it is the name.
    const isName = rooms.length === 0 && this.#options.name !== '' && !this.#isNameless;
    if (reason !== 'forbidden' || !isOther && !isName) return this.#end(reason);
    this.#isNameless ||= isName;
    this.#open();
  }

  /** @param {string | null} reason */
  #end(reason) {
    this.#drop();
    this.#closed = true;
    this.#setState('closed', null, reason);
  }

  /** The rooms of the stream. */
  get #rooms() {
    return this.#options.rooms.filter((room) => !this.#forbidden.has(room));
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
    for (const room of this.#rooms) url.searchParams.append('room', room);
    // `last_event_id` is for the first request only. When the browser reconnects by
    // itself it also sends `Last-Event-ID`, and the server prefers that.
    if (this.#cursor) url.searchParams.set('last_event_id', this.#cursor);
    const { name } = this.#options;
    const isNamed = name !== '' && !this.#isNameless;
    if (isNamed) url.searchParams.set('name', name);
    else url.searchParams.set('presence', '1');
    // Others see one change of a name instead of a leave and a join.
    if (isNamed && this.#was && this.#was !== name) url.searchParams.set('was', this.#was);
    return url;
  }

  #received() {
    this.#lastEventAt = Date.now();
    this.#watch(this.#pingMs * MISSED_PINGS);
  }

  /** @param {number} ms */
  #watch(ms) {
    clearTimeout(this.#timers.watchdog);
    this.#timers.watchdog = setTimeout(() => this.#timedOut(), ms);
  }

  /** No event came within the timeout, which replaces all but the shortest backoff. */
  #timedOut() {
    this.#failures += 1;
    this.#refusal = null;
    this.#retryIn(BACKOFF_FLOOR_MS, null);
  }

  /** @param {EventSource} source */
  #failed(source) {
    if (source !== this.#source) return;
    clearTimeout(this.#timers.stable);
    if (source.readyState === EventSource.CONNECTING && this.#failures === 0) {
      // The browser reconnects by itself after the server's `retry` time.
      this.#failures = 1;
      this.#setState('waiting');
      this.#watch(this.#timeout);
      return;
    }
    const refused = source.readyState === EventSource.CLOSED;
    // This failure has no response, so the reason of an earlier response is obsolete.
    if (!refused) this.#refusal = null;
    this.#retryIn(this.#backoff(), null);
    if (refused) void this.#fetchRefusal(source.url);
  }

  get #timeout() {
    if (this.#failures > MAX_DEAD) return SLOW_MS;
    return Math.min(CONNECT_TO_MS, Math.max(CONNECT_FROM_MS, this.#pingMs * MISSED_PINGS));
  }

  #backoff() {
    const most = Math.min(BACKOFF_TO_MS, BACKOFF_FROM_MS * 2 ** this.#failures);
    this.#failures += 1;
    return Math.max(BACKOFF_FLOOR_MS, Math.random() * most);
  }

  /** @param {number} afterMs @param {string | null} reason */
  #retryIn(afterMs, reason) {
    this.#drop();
    // The stream was accepted, so an earlier refusal is obsolete.
    if (reason) this.#refusal = null;
    this.#timers.retry = setTimeout(() => this.#open(), afterMs);
    this.#setState('waiting', Date.now() + afterMs, reason);
  }

  /** Finds out why the stream was refused, which an EventSource does not expose. @param {string} url */
  async #fetchRefusal(url) {
    const answer = await fetchRefusal(url);
    if (!answer || this.#state.state !== 'waiting') return;
    const { status, code, detail, retryAfterMs } = answer;
    this.#refusal = { status, code, detail };
    const { retryAt, reason } = this.#state;
    if (retryAt !== null && Date.now() + retryAfterMs > retryAt) this.#retryIn(retryAfterMs, reason);
    else this.#setState('waiting', retryAt, reason);
    this.#emit({ type: 'refused', code });
  }

  /** @param {State} state @param {number | null} retryAt @param {string | null} reason */
  #setState(state, retryAt = null, reason = null) {
    const forbidden = this.#options.rooms.filter((room) => this.#forbidden.has(room));
    this.#state = { type: 'state', state, retryAt, reason, refusal: this.#refusal, forbidden };
    this.#emit(this.#state);
  }
}
