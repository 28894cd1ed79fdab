// The connection: a room's event stream that comes back by itself.
//
// What people wrote is passed on as it came; who shows it, and how, is not
// known here.

/** How much of what was said is shown at first. */
const BACKLOG = 50;
/** The server says its own in hello; this holds until then. */
const DEFAULT_PING_MS = 15_000;
/** This many pings without a sign of life, and the connection is dead. */
const MISSED_PINGS = 2.5;
/** The first pause and the longest, when the browser has given up. */
const [BACKOFF_FROM_MS, BACKOFF_TO_MS] = [1_000, 30_000];

/**
 * @typedef {{id: string, room: string, number: number, name: string, message: string,
 *            created_at: string, client_id?: string}} Message
 * @typedef {{room: string, reason: string, lost: number | null, next: number}} Gap
 * @typedef {{room: string, members: number, oldest: string | null, newest: string | null}} HelloRoom
 */

/**
 * The room's event stream. It comes back by itself, from where it was: the
 * browser does most of it, and this does what browsers leave out. They give up
 * on any status but 200, and never notice a connection that went silent.
 */
export class Stream {
  #url;
  #on;
  #name = '';
  #cursor = '';
  /** @type {EventSource | null} */
  #source = null;
  #retry = 0;
  #watchdog = 0;
  #pingMs = DEFAULT_PING_MS;
  #heardAt = 0;
  #failures = 0;
  #closed = false;

  /**
   * @param {URL} url
   * @param {{hello(room: HelloRoom): void, update(message: Message): void,
   *          gap(gap: Gap, cursor: string): void, members(count: number): void,
   *          waiting(why: string): void, closed(): void, refusedName(why: string): void}} on
   */
  constructor(url, on) {
    this.#url = url;
    this.#on = on;
  }

  /** Is in the room under `name` from now on; without one, only reads. */
  join(name) {
    this.#name = name;
    this.connect();
  }

  /** Begins a new connection in place of the one there was. */
  connect() {
    if (this.#closed) return;
    this.drop();
    const source = new EventSource(this.#wish());
    this.#source = source;
    this.#heard();
    const listen = (type, handle) =>
      source.addEventListener(type, (event) => {
        this.#heard();
        handle(event.data ? JSON.parse(event.data) : null, event.lastEventId);
      });
    listen('hello', (hello, id) => {
      this.#cursor = id;
      this.#pingMs = hello.ping_ms;
      this.#failures = 0;
      // Once more: now it is known how long a silence may be.
      this.#heard();
      this.#on.hello(hello.rooms[0]);
    });
    listen('update', (message, id) => {
      this.#cursor = id;
      this.#on.update(message);
    });
    listen('gap', (gap, id) => {
      this.#cursor = id;
      this.#on.gap(gap, id);
    });
    listen('presence', (presence) => this.#on.members(presence.count));
    listen('ping', () => {});
    listen('busy', ({ retry_ms }) => this.#comeBack(retry_ms, 'The server is full.'));
    listen('bye', ({ retry_ms }) => this.#comeBack(retry_ms, 'The server is shutting down.'));
    listen('close', () => {
      this.drop();
      this.#closed = true;
      this.#on.closed();
    });
    source.addEventListener('error', () => this.#failed(source));
  }

  /** Ends the connection; `connect` or `wake` begins the next. */
  drop() {
    clearTimeout(this.#retry);
    clearTimeout(this.#watchdog);
    this.#source?.close();
    this.#source = null;
  }

  /** The page is looked at again, or the network is back: no time to lose. */
  wake() {
    const gone = !this.#source || this.#source.readyState === EventSource.CLOSED;
    const silent = Date.now() - this.#heardAt > this.#pingMs + 5_000;
    if (gone || silent) this.connect();
  }

  #wish() {
    const url = new URL(this.#url);
    // On a reconnect of its own the browser sends the same URL again, with a
    // Last-Event-ID that wins over what stands here.
    if (this.#cursor) url.searchParams.set('last_event_id', this.#cursor);
    else url.searchParams.set('backlog', BACKLOG);
    if (this.#name) url.searchParams.set('name', this.#name);
    else url.searchParams.set('presence', '1');
    return url;
  }

  #heard() {
    this.#heardAt = Date.now();
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => {
      this.#on.waiting('');
      this.connect();
    }, this.#pingMs * MISSED_PINGS);
  }

  async #failed(source) {
    this.#on.waiting('');
    if (source.readyState !== EventSource.CLOSED) return;
    const problem = await problemOf(source.url);
    if (source !== this.#source) return;
    if (problem?.code === 'invalid_name') {
      this.#on.refusedName(problem.detail);
      this.join('');
      return;
    }
    // Full jitter, so that those who were refused together do not come back together.
    const most = Math.min(BACKOFF_TO_MS, BACKOFF_FROM_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.#comeBack(Math.random() * most, problem ? sentence(problem.detail) : '');
  }

  #comeBack(afterMs, why) {
    this.drop();
    this.#on.waiting(why);
    this.#retry = setTimeout(() => this.connect(), afterMs);
  }
}

/** Why a stream is refused, which an EventSource does not tell; null if nobody can say. */
async function problemOf(url) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    if (!response.ok) return await response.json();
    await response.body.cancel();
  } catch {
    // No answer, or none of the server's own.
  }
  return null;
}

export const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
