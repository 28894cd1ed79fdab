// When nothing is sent: for a time after a failure, as long as the server asks, or
// until there is a session. The publish rate and an unreachable server concern all
// rooms; other failures concern one.

/** @typedef {import('../server/server.js').Failure} Failure */

const [BACKOFF_FROM_MS, BACKOFF_TO_MS] = [1_000, 30_000];
/**
 * Timeouts of a request. A browser may reuse up to six idle connections that died
 * unnoticed; each attempt detects one. After MAX_DEAD attempts the network is slow.
 */
const [DEAD_MS, SLOW_MS, MAX_DEAD] = [2_000, 15_000, 6];
/** The longest Retry-After. */
const MAX_WAIT_MS = 3_600_000;
/** The room of a pause that concerns all. */
const ALL = '';

export class Pauses {
  /** @type {Map<string, {until: number, failure: Failure}>} by room */
  #pauses = new Map();
  #failures = 0;
  /** The failure if the server has been unreachable since the last response. @type {Failure | null} */
  #unreachable = null;

  /** The timeout of the next request. */
  get timeoutMs() {
    return this.#failures < MAX_DEAD ? DEAD_MS : SLOW_MS;
  }

  /** The ends of the pauses that end by themselves. */
  get ends() {
    return [...this.#pauses.values()].map(({ until }) => until).filter(Number.isFinite);
  }

  /** Removes those that are over. */
  expire() {
    const now = Date.now();
    for (const [room, { until }] of this.#pauses) if (until <= now) this.#pauses.delete(room);
  }

  /** Whether something may be sent to a room. @param {string} room */
  allow(room) {
    return !this.#pauses.has(ALL) && !this.#pauses.has(room);
  }

  /** The failure that delays what is sent to a room. @param {string} room */
  causeIn(room) {
    return this.#pauses.get(ALL)?.failure ?? this.#pauses.get(room)?.failure ?? this.#unreachable;
  }

  /** User activity suggests that the network is back. A Retry-After still applies. */
  used() {
    if (this.#pauses.get(ALL)?.failure.status === 0) this.#pauses.delete(ALL);
  }

  /** The connection is back. */
  back() {
    this.#failures = 0;
    // Without an answer, or without a session.
    if ([0, 401].includes(this.#pauses.get(ALL)?.failure.status ?? -1)) this.#pauses.delete(ALL);
  }

  /** The server has accepted something. */
  reached() {
    this.#failures = 0;
    this.#unreachable = null;
  }

  /** @param {string} room @param {Failure} failure @returns {boolean} whether the same request may succeed later */
  failed(room, failure) {
    const { code, status } = failure;
    this.#unreachable = status === 0 ? failure : null;
    const needsSession = code.startsWith('token_');
    if (!needsSession && !failure.isPassing) return false;
    const isForAll = needsSession || status === 0 || status === 429;
    this.#pauses.set(isForAll ? ALL : room, { until: needsSession ? Infinity : Date.now() + this.#waitMs(failure), failure });
    return true;
  }

  /** @param {Failure} failure */
  #waitMs({ code, retryAfter }) {
    // A Retry-After says nothing about the network.
    if (retryAfter > 0) return Math.min(MAX_WAIT_MS, retryAfter * 1_000);
    const most = Math.min(BACKOFF_TO_MS, BACKOFF_FROM_MS * 2 ** this.#failures);
    this.#failures += 1;
    // After a timeout there is no further delay.
    return code === 'timeout' ? 0 : most / 2 + Math.random() * most / 2;
  }
}
