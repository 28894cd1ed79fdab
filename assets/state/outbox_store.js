// What the outboxes of all pages of this browser store. A page takes over what
// another one has left.

import { boxOf, lettersOf } from './letters.js';
import { hasLocks, holdLock, whenGone } from './life.js';
import { memory, numberOf } from './memory.js';
import { makeId } from '../server/input.js';

/**
 * @typedef {import('./letters.js').Letter} Letter
 * @typedef {import('./letters.js').Box} Box
 * @typedef {{entries(): import('./letters.js').Entry[], taken(letters: Letter[]): void, left(): void, back(isTaken: boolean): void}} On
 *   `left`: the page is left; what follows is stored
 *   `back`: the page is shown again; `isTaken`: another one has what it had
 */

/** The lease of a page, used without locks. When it ends, the page counts as gone and another page sends its messages. */
const LEASE_MS = 90_000;
const RENEW_MS = 20_000;

/** sessionStorage key with the outbox of this tab's previous page, which may have crashed. */
const LAST = 'sse-chat.outbox';

export class OutboxStore {
  #key = `outbox.${makeId()}`;
  #releaseLock = holdLock(this.#key);
  /** Pages whose end is awaited in order to take over their messages. @type {Set<string>} */
  #awaited = new Set();
  /** Aborts that wait. */
  #awaiting = new AbortController();
  #on;
  /** 0 once the page is hidden for good; its last requests may still end. */
  #lease = LEASE_MS;

  /** @param {On} on */
  constructor(on) {
    this.#on = on;
  }

  /** Whether the page is hidden for good. */
  get isLeft() {
    return this.#lease === 0;
  }

  /** Takes over what others have left, now and later. */
  open() {
    this.#adopt(this.#swapLastKey());
    setInterval(() => {
      this.#adopt();
      if (this.#on.entries().length > 0) this.keep();
    }, RENEW_MS);
    addEventListener('pagehide', () => {
      this.#on.left();
      this.#lease = 0;
      this.keep();
      this.#releaseLock();
      this.#awaiting.abort();
      this.#awaited.clear();
    });
    addEventListener('pageshow', (event) => {
      if (event.persisted) this.#reopen();
    });
  }

  /** The page is shown again, from the back/forward cache. */
  #reopen() {
    this.#lease = LEASE_MS;
    this.#releaseLock = holdLock(this.#key);
    this.#awaiting = new AbortController();
    this.#on.back(memory.keys(this.#key).length === 0);
    this.#adopt();
  }

  /** Stores the entries. */
  keep() {
    memory.set(this.#key, boxOf(this.#on.entries(), Date.now() + this.#lease));
  }

  /** What other pages store. @returns {Letter[]} */
  elsewhere() {
    return memory.keys('outbox.').filter((key) => key !== this.#key).flatMap((key) => lettersOf(memory.get(key, /** @type {Box | null} */ (null))));
  }

  /** @returns {string | null} the key of this tab's previous page */
  #swapLastKey() {
    try {
      const last = sessionStorage.getItem(LAST);
      sessionStorage.setItem(LAST, this.#key);
      return last;
    } catch {
      return null; // Without storage there is nothing to take over.
    }
  }

  /** Takes over the messages of other pages, now or when they end. @param {string | null} [last] this tab's previous page */
  #adopt(last = null) {
    for (const key of memory.keys('outbox.')) {
      const box = memory.get(key, /** @type {Box | null} */ (null));
      if (key === this.#key || !box) continue;
      // With locks, `last` may still exist: a duplicated tab has the key of its original.
      if (numberOf(box.until) <= Date.now() || key === last && !hasLocks) this.#take(key);
      else if (!this.#awaited.has(key)) {
        this.#awaited.add(key);
        whenGone(key, this.#awaiting.signal, () => {
          this.#awaited.delete(key);
          this.#take(key);
        });
      }
    }
  }

  /** @param {string} key of a page that is gone */
  #take(key) {
    const box = memory.get(key, /** @type {Box | null} */ (null));
    if (!box || this.isLeft) return;
    memory.set(key, null);
    this.#on.taken(lettersOf(box));
  }
}
