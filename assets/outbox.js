// Messages on their way to the server. They survive a reload and go out in the
// order in which they were written, each always under the same client id and
// name, so that the server takes it once however often it is sent.
//
// A message is known as this browser's own by the id in the server's answer.
// The stream may bring it before: until the answer, a message of the same room,
// name and text stands for the one that is on its way (an echo).

import { canTell, live, whenGone } from './life.js';
import { me } from './me.js';
import { memory } from './memory.js';
import { isOfEarlierEpoch, isSameEpoch, isUpTo, makeId } from './protocol.js';
import { Failure, server } from './server.js';

/**
 * @typedef {import('./protocol.js').Message} Message
 * @typedef {{code: string, detail: string, status: number}} Refusal
 * @typedef {{client_id: string, room: string, name: string, text: string, at: number, tried: boolean, refusal: Refusal | null}} Letter
 *   `refusal`: why the server did not take it; `tried`: the server may have it already
 * @typedef {Letter & {state: 'queued' | 'sending' | 'sent' | 'failed', failure: Failure | 'old' | null,
 *                     message: Message | null, echoes: string[]}} Entry
 * @typedef {{until: number, letters: Letter[]}} Box what storage has: until when its page holds it
 * @typedef {{changed(): void, silent(): void, twice(room: string, id: string): void}} On
 *   `silent`: a letter got no answer, so the stream may be dead, too;
 *   `twice`: a message was taken by a server before its restart and again after it: the first id
 */

/** Without locks: a page that does not say so for this long is gone, and what it left is sent by another. */
const LEASE_MS = 90_000;
const RENEW_MS = 20_000;
/** Older letters are not sent without a word. */
const OLD_MS = 24 * 3_600_000;
const [BACKOFF_FROM_MS, BACKOFF_TO_MS] = [1_000, 30_000];
/**
 * After a tunnel a browser's idle connections, up to six, are dead without its
 * knowing, and each try finds one out. After so many the network is only slow.
 */
const [DEAD_MS, SLOW_MS, MAX_DEAD] = [2_000, 15_000, 6];
/** The longest wait that a server may ask for. */
const MAX_WAIT_MS = 3_600_000;
/** How far the clocks of the server and of this browser may differ. */
const MAX_SKEW_MS = 3_600_000;
/** Messages of the stream whose ids are remembered, for answers that come after them. */
const MAX_ARRIVED = 1_000;
/** A letter that has been under way for longer, when the connection is back, may be on a dead one. */
const UNDER_WAY_MS = 1_000;

/** A page that crashed could not say that it is gone: this tab's last one is known by this. */
const LAST = 'sse-chat.outbox';

export class Outbox {
  /** @type {Entry[]} in the order in which they were written */
  entries = [];
  #key = `outbox.${makeId()}`;
  #die = live(this.#key);
  /** Pages that have left something, should they be gone one day. @type {Set<string>} */
  #heirOf = new Set();
  /** Aborts the wait for their end. */
  #inherits = new AbortController();
  #on;
  /** None, once the page is gone: requests that it takes along still end. */
  #lease = LEASE_MS;
  #failures = 0;
  /** Since the last answer the server could not be reached. @type {Failure | null} */
  #trouble = null;
  /** Until when nothing goes to a room, and why; under '' to none. @type {Map<string, {until: number, failure: Failure}>} */
  #stalls = new Map();
  /** @type {Set<string>} */
  #arrived = new Set();
  /** Messages that may be from other tabs, until these have an answer. @type {Set<string>} */
  #elsewhere = new Set();
  /** The letter that is under way. */
  #sending = { since: 0, abort: new AbortController() };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry = undefined;

  /** @param {On} on */
  constructor(on) {
    this.#on = on;
    this.#adopt(this.#takeTurns());
    setInterval(() => {
      this.#adopt();
      if (this.entries.length > 0) this.#keep();
    }, RENEW_MS);
    addEventListener('pagehide', () => {
      this.#lease = 0;
      this.#keep();
      this.#die();
      this.#inherits.abort();
      this.#heirOf.clear();
    });
    addEventListener('pageshow', (event) => {
      if (!event.persisted) return;
      this.#lease = LEASE_MS;
      this.#die = live(this.#key);
      this.#inherits = new AbortController();
      // Another page may have taken what this one had left.
      if (!memory.keys(this.#key).length) this.entries = this.entries.filter(({ state }) => state === 'sent');
      this.#adopt();
      void this.flush();
    });
  }

  /** @param {string} room @param {string} text */
  send(room, text) {
    this.entries.push(entryOf({ client_id: makeId(), room, name: me.name, text, at: Date.now(), tried: false, refusal: null }));
    // Activity suggests that the network is back. A wait that the server asked for stays.
    if (this.#stalls.get('')?.failure.status === 0) this.#stalls.delete('');
    this.#keep();
    void this.flush();
  }

  /** Sends what waits, one after the other. */
  async flush() {
    if (!me.name || this.#lease === 0 || this.entries.some(({ state }) => state === 'sending')) return;
    for (let entry; (entry = this.#next);) {
      await this.#post(entry);
      if (this.#lease === 0) return;
    }
    this.#wait();
  }

  /** The connection is back. */
  back() {
    this.#failures = 0;
    if (this.#stalls.get('')?.failure.status === 0) this.#stalls.delete('');
    if (Date.now() - this.#sending.since > UNDER_WAY_MS) this.#sending.abort.abort();
    void this.flush();
  }

  /** Tries a letter again that had failed. What was refused is another letter from now on. @param {Entry} entry */
  again(entry) {
    if (entry.refusal) Object.assign(entry, { client_id: makeId(), name: me.name, tried: false, refusal: null });
    entry.state = 'queued';
    entry.failure = null;
    entry.at = Date.now();
    this.#keep();
    void this.flush();
  }

  /** @param {Entry} entry */
  remove(entry) {
    this.entries = this.entries.filter((other) => other !== entry);
    this.#keep();
  }

  /** A message is on the page: it may be one of these. @param {Message} message */
  arrived(message) {
    this.#arrived.add(message.id);
    for (const id of this.#arrived) {
      if (this.#arrived.size <= MAX_ARRIVED) break;
      this.#arrived.delete(id);
    }
    const sent = this.entries.find((entry) => entry.message?.id === message.id);
    if (sent) return this.remove(sent);
    if (me.isOwn(message) || this.isEcho(message)) return;
    if (this.#isElsewhere(message)) this.#elsewhere.add(message.id);
    const echoed = this.entries.find((entry) => isLike(entry, message) && !entry.echoes.some((id) => isSameEpoch(id, message.id)));
    if (!echoed) return;
    echoed.echoes.push(message.id);
    this.#on.changed();
  }

  /** Whether a message stands for one that waits for its answer. @param {{id: string}} message */
  isEcho({ id }) {
    return this.#elsewhere.has(id) || this.entries.some(({ echoes }) => echoes.includes(id));
  }

  /** Another tab has got an answer: it is known what was its own. */
  answeredElsewhere() {
    this.#elsewhere.clear();
    this.#on.changed();
  }

  /** The entries of a room that are not on the page as messages. @param {string} room */
  shown(room) {
    return this.entries.filter((entry) => entry.room === room && (entry.state === 'failed' || entry.echoes.length === 0));
  }

  /** What a letter waits for: the server asked for it, or can't be reached. @param {Entry} entry @returns {Failure | 'old' | null} */
  waitsFor({ failure, state, room }) {
    if (state !== 'queued' && state !== 'sending') return failure;
    return this.#stalls.get('')?.failure ?? this.#stalls.get(room)?.failure ?? this.#trouble;
  }

  /** Messages of a room that the server has taken, but the stream will not bring, since they are up to `end`. @param {string} room @param {string} end @returns {Message[]} */
  takeLost(room, end) {
    const lost = this.entries.filter(({ message }) =>
      message?.room === room && (isOfEarlierEpoch(message.id, end) || isUpTo(message.id, end)));
    lost.forEach((entry) => this.remove(entry));
    return lost.flatMap(({ message }) => message ?? []);
  }

  /** Whether a message may be on its way from another tab of this browser. @param {Message} message */
  #isElsewhere(message) {
    return message.name === me.name && memory.keys('outbox.').some((key) => key !== this.#key
      && lettersOf(memory.get(key, /** @type {Box | null} */ (null))).some((letter) => isLike({ ...letter, message: null }, message)));
  }

  /** The first letter whose turn it is. */
  get #next() {
    const now = Date.now();
    for (const [room, { until }] of this.#stalls) if (until <= now) this.#stalls.delete(room);
    if (this.#stalls.has('')) return undefined;
    return this.entries.find(({ state, room }) => state === 'queued' && !this.#stalls.has(room));
  }

  /** Comes back when the first wait is over. */
  #wait() {
    clearTimeout(this.#retry);
    const untils = [...this.#stalls.values()].map(({ until }) => until);
    if (untils.length > 0) this.#retry = setTimeout(() => void this.flush(), Math.max(0, Math.min(...untils) - Date.now()));
  }

  /** @param {Entry} entry */
  async #post(entry) {
    entry.state = 'sending';
    entry.tried = true;
    entry.failure = null;
    this.#sending = { since: Date.now(), abort: new AbortController() };
    // Before it goes: a reload must know that the server may have it.
    this.#keep();
    const { room, name, text, client_id } = entry;
    const patience = this.#failures < MAX_DEAD ? DEAD_MS : SLOW_MS;
    try {
      const message = await server.say(room, { name, message: text, client_id }, patience, this.#sending.abort.signal);
      this.#answered(entry, message);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.#failed(entry, error);
    }
    this.#keep();
  }

  /** @param {Entry} entry @param {Message} message */
  #answered(entry, message) {
    this.#failures = 0;
    this.#trouble = null;
    me.wrote(message.id);
    entry.state = 'sent';
    entry.message = message;
    // An echo of another epoch is the same message, before a restart whose server forgot it.
    for (const id of entry.echoes) if (!isSameEpoch(id, message.id)) this.#on.twice(entry.room, id);
    const isThere = this.#arrived.has(message.id);
    entry.echoes = [];
    if (isThere) this.entries = this.entries.filter((other) => other !== entry);
  }

  /** @param {Entry} entry @param {Failure} failure */
  #failed(entry, failure) {
    const { code, message: detail, status } = failure;
    entry.failure = failure;
    this.#trouble = status === 0 ? failure : null;
    if (failure.isPassing) {
      entry.state = 'queued';
      this.#stall(entry.room, failure);
      if (code === 'timeout') this.#on.silent();
      return;
    }
    entry.state = 'failed';
    entry.refusal = { code, detail, status };
    entry.echoes = [];
  }

  /**
   * Nothing goes out until it may succeed. The server's rate and its absence are
   * for all rooms, other troubles may be of one.
   * @param {string} room @param {Failure} failure
   */
  #stall(room, failure) {
    const { code, status, retryAfter } = failure;
    const isForAll = status === 0 || status === 429;
    const most = Math.min(BACKOFF_TO_MS, BACKOFF_FROM_MS * 2 ** this.#failures);
    // What the server asked for says nothing about the network.
    if (retryAfter === 0) this.#failures += 1;
    // No answer was the wait: there is no other.
    const backoff = code === 'timeout' ? 0 : most / 2 + Math.random() * most / 2;
    const wait = retryAfter > 0 ? Math.min(MAX_WAIT_MS, retryAfter * 1_000) : backoff;
    this.#stalls.set(isForAll ? '' : room, { until: Date.now() + wait, failure });
  }

  /** @returns {string | null} the key of the page that was in this tab before */
  #takeTurns() {
    try {
      const last = sessionStorage.getItem(LAST);
      sessionStorage.setItem(LAST, this.#key);
      return last;
    } catch {
      return null; // Without storage, nothing is left in it either.
    }
  }

  /** Takes over what pages that are gone have left, now or when they go. @param {string | null} [last] was in this tab before */
  #adopt(last = null) {
    for (const key of memory.keys('outbox.')) {
      const box = memory.get(key, /** @type {Box | null} */ (null));
      if (key === this.#key || !box) continue;
      // With locks, the last one is not taken for gone: a tab that was duplicated has its original's.
      if (box.until <= Date.now() || key === last && !canTell) this.#take(key);
      else if (!this.#heirOf.has(key)) {
        this.#heirOf.add(key);
        whenGone(key, this.#inherits.signal, () => {
          this.#heirOf.delete(key);
          this.#take(key);
        });
      }
    }
  }

  /** @param {string} key of a page that is gone */
  #take(key) {
    const box = memory.get(key, /** @type {Box | null} */ (null));
    if (!box || this.#lease === 0) return;
    memory.set(key, null);
    for (const letter of lettersOf(box)) {
      if (this.entries.some(({ client_id }) => client_id === letter.client_id)) continue;
      this.entries.push(entryOf(letter));
    }
    this.entries.sort((a, b) => a.at - b.at);
    this.#keep();
    void this.flush();
  }

  #keep() {
    const letters = this.entries.filter(({ message }) => !message)
      .map(({ client_id, room, name, text, at, tried, refusal }) => ({ client_id, room, name, text, at, tried, refusal }));
    memory.set(this.#key, letters.length ? { until: Date.now() + this.#lease, letters } : null);
    this.#on.changed();
  }
}

/** What storage has may be anything; an earlier page kept no names. @param {Box | null} box @returns {Letter[]} */
function lettersOf(box) {
  return (Array.isArray(box?.letters) ? box.letters : [])
    .filter((letter) => [letter?.client_id, letter?.room, letter?.text].every((part) => typeof part === 'string'))
    .map(({ client_id, room, name, text, at, tried, refusal }) => ({
      client_id, room, text, name: String(name ?? me.name), at: Number(at) || 0, tried: tried !== false,
      refusal: refusal ? { code: String(refusal.code), detail: String(refusal.detail), status: Number(refusal.status) || 400 } : null,
    }));
}

/** @param {Letter} letter @returns {Entry} */
function entryOf(letter) {
  const { refusal, at } = letter;
  const isOld = Date.now() - at > OLD_MS;
  const failure = refusal ? new Failure(refusal.code, refusal.detail, refusal.status) : isOld ? 'old' : null;
  return { ...letter, state: failure ? 'failed' : 'queued', failure, message: null, echoes: [] };
}

/** Whether a message may be a letter that has been sent, and not been answered. @param {Letter & {message: Message | null}} letter @param {Message} message */
const isLike = ({ tried, message: known, refusal, room, name, text, at }, message) =>
  tried && !known && !refusal && room === message.room && name === message.name && text === message.message
  && Date.parse(message.created_at) > at - MAX_SKEW_MS;
