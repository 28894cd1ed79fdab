// Queue of what is to be sent: messages, and edits, deletions and reactions. It
// survives a reload and keeps the order. Each message keeps its client id and name,
// so that the server deduplicates retries.
//
// The id in the response identifies an own message. The stream may deliver it
// earlier: until the response, a message with the same room, name and text
// represents the pending one (an echo).

import { reacted, withChanges } from './changes.js';
import { change, publish } from './delivery.js';
import { changeText, entryOf, isLike } from './letters.js';
import { me } from './me.js';
import { OutboxStore } from './outbox_store.js';
import { Pauses } from './pauses.js';
import { makeId } from '../server/input.js';
import { isBefore } from '../server/ids.js';
import { isSameEpoch, readMessage } from '../server/protocol.js';
import { Failure } from '../server/server.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {import('./letters.js').Letter} Letter
 * @typedef {import('./letters.js').Entry} Entry
 * @typedef {{changed(): void, timedOut(): void, duplicate(room: string, id: string): void, named(name: string): void,
 *            made(change: Entry, message: Message | null): void, dropped(change: Entry, failure: Failure): void}} On
 *   `timedOut`: a request timed out, so the stream may be dead, too;
 *   `duplicate`: a message was accepted before a restart and again after it; has the first id;
 *   `named`: the session has another name than this page;
 *   `made`: the server has made a change; of an edit, it has answered the message; `dropped`: it has refused one for good
 */

/** Ids of stream messages that are kept, for responses that arrive after them. */
const MAX_ARRIVED = 1_000;
/** A request older than this at a reconnect may be on a dead connection. */
const UNDER_WAY_MS = 1_000;

export class Outbox {
  /** @type {Entry[]} oldest first */
  entries = [];
  #box;
  #on;
  #pauses = new Pauses();
  /** @type {Set<string>} */
  #arrived = new Set();
  /** Messages that may be from other tabs, until their response. @type {Set<string>} */
  #elsewhere = new Set();
  #isFlushing = false;
  /** The current request. */
  #sending = { since: 0, abort: new AbortController() };
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry = undefined;

  /** @param {On} on */
  constructor(on) {
    this.#on = on;
    this.#box = new OutboxStore({
      entries: () => this.entries,
      taken: (letters) => this.#take(letters),
      left: () => this.#sendHeld(),
      back: (isTaken) => {
        if (isTaken) this.entries = this.entries.filter(({ state }) => state === 'sent');
        void this.flush();
      },
    });
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'hidden') this.#release();
    });
  }

  /** Takes over what other pages have left. */
  open() {
    this.#box.open();
  }

  /** @param {string} room @param {string} text @param {string} [reply_to] the id of the message that it answers */
  send(room, text, reply_to) {
    this.#add({ kind: 'message', room, text, reply_to });
  }

  /** Changes the text of a message of the server. @param {{id: string, room: string}} message @param {string} text */
  edit({ id, room }, text) {
    const waiting = this.#waiting('edit', id);
    if (!waiting) return this.#add({ kind: 'edit', target: id, room, text });
    waiting.text = text;
    this.again(waiting);
  }

  /** Changes the text of a message that has no answer yet. @param {Entry} entry @param {string} text @returns {boolean} whether it is still here */
  editEntry(entry, text) {
    if (entry.message) this.edit(entry.message, text);
    else if (this.entries.includes(entry)) changeText(entry, text);
    else return false;
    this.#keep();
    return true;
  }

  /** Deletes a message of the server. @param {{id: string, room: string}} message @param {number} undoMs until it is sent @returns {() => boolean} undoes it; whether that was in time */
  delete({ id, room }, undoMs) {
    const edit = this.#waiting('edit', id);
    if (edit) this.remove(edit);
    const entry = this.#add({ kind: 'delete', target: id, room, hold: Date.now() + undoMs });
    return () => {
      const isEarly = this.entries.includes(entry) && !entry.tried;
      if (isEarly) this.remove(entry);
      return isEarly;
    };
  }

  /** Adds a reaction or takes it back. @param {{id: string, room: string}} message @param {string} emoji @param {boolean} on */
  react({ id, room }, emoji, on) {
    reacted.set(id, emoji, on);
    const other = this.entries.find((entry) => entry.kind === 'react' && entry.target === id && entry.text === emoji && !entry.tried);
    if (other && other.on !== on) this.remove(other);
    else if (!other) this.#add({ kind: 'react', target: id, room, text: emoji, on });
  }

  /** @param {import('./letters.js').Kind} kind @param {string} id */
  #waiting(kind, id) {
    return this.entries.find((entry) => entry.kind === kind && entry.target === id && entry.state !== 'sending');
  }

  /** @param {{kind: import('./letters.js').Kind, room: string} & Partial<Letter>} letter @param {boolean} [isFirst] of the queue */
  #add(letter, isFirst = false) {
    const entry = entryOf({
      client_id: makeId(), edit_key: me.editKey, name: me.name, text: '', at: Date.now(), tried: false, texts: [], refusal: null,
      reply_to: undefined, target: '', on: true, hold: 0, ...letter,
    });
    if (isFirst) this.entries.unshift(entry);
    else this.entries.push(entry);
    this.#pauses.used();
    this.#keep();
    void this.flush();
    return entry;
  }

  /** The page may end: what can still be undone is sent now. */
  #release() {
    const held = this.entries.filter(({ hold }) => hold > 0);
    held.forEach((entry) => { entry.hold = 0; });
    if (held.length === 0) return;
    this.#keep();
    void this.flush();
  }

  /** The page is left, which browsers say before it is hidden: what can still be undone is sent now. The next page sends it once more, which changes nothing. */
  #sendHeld() {
    for (const entry of this.entries.filter(({ hold }) => hold > 0)) {
      Object.assign(entry, { hold: 0, tried: true });
      void change(entry, [this.#pauses.timeoutMs, new AbortController().signal]).catch(() => {});
    }
  }

  /** Sends what is queued, in order. */
  async flush() {
    if (!me.name || this.#box.isLeft || this.#isFlushing) return;
    this.#isFlushing = true;
    for (let entry; !this.#box.isLeft && (entry = this.#next);) await this.#post(entry);
    this.#isFlushing = false;
    if (!this.#box.isLeft) this.#wait();
  }

  /** The connection is back. */
  back() {
    this.#pauses.back();
    if (Date.now() - this.#sending.since > UNDER_WAY_MS) this.#sending.abort.abort();
    void this.flush();
  }

  /** Retries a failed message. A refused one gets a new client id. @param {Entry} entry */
  again(entry) {
    if (entry.refusal) Object.assign(entry, { client_id: makeId(), name: me.name, tried: false, texts: [], refusal: null });
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

  /** A message has arrived, which may be one of these. @param {Message} message */
  arrived(message) {
    this.#arrived.add(message.id);
    for (const id of this.#arrived) {
      if (this.#arrived.size <= MAX_ARRIVED) break;
      this.#arrived.delete(id);
    }
    const sent = this.entries.find((entry) => entry.message?.id === message.id);
    if (sent) return this.remove(sent);
    if (this.isOwn(message)) return;
    if (this.#isElsewhere(message)) this.#elsewhere.add(message.id);
    const echoed = this.entries.find((entry) => isLike(entry, message) && !entry.echoes.some((id) => isSameEpoch(id, message.id)));
    if (!echoed) return;
    echoed.echoes.push(message.id);
    this.#on.changed();
  }

  /** Whether a message is an own one: by its id once the server has answered, before that by its echo. @param {{id: string}} message */
  isOwn(message) {
    return me.isOwn(message) || this.#isEcho(message);
  }

  /** Whether a message of the log is the echo of a pending one. @param {{id: string}} message */
  #isEcho({ id }) {
    return this.#elsewhere.has(id) || this.entries.some(({ echoes }) => echoes.includes(id));
  }

  /** Another tab has a response, so its own messages are known. */
  answeredElsewhere() {
    this.#elsewhere.clear();
    this.#on.changed();
  }

  /** The messages of a room that are not in its log. @param {string} room */
  shown(room) {
    return this.entries.filter((entry) => entry.kind === 'message' && entry.room === room && (entry.state === 'failed' || entry.echoes.length === 0));
  }

  /** The changes of a room's messages that are not made yet. @param {string} room */
  changes(room) {
    return this.entries.filter((entry) => entry.kind !== 'message' && entry.room === room);
  }

  /** A message with the changes of it that are not made yet. @template {Message | undefined} T @param {T} message @returns {Message | T} */
  withChanges(message) {
    return message && withChanges(message, this.changes(message.room));
  }

  /** The failure that delays or has stopped an entry. @param {Entry} entry @returns {Failure | 'old' | null} */
  waitsFor({ failure, state, room }) {
    if (state !== 'queued' && state !== 'sending') return failure;
    return this.#pauses.causeIn(room);
  }

  /** Removes accepted messages up to `end`, which the stream will not deliver, and returns them. @param {string} room @param {string} end @returns {Message[]} */
  takeLost(room, end) {
    const lost = this.entries.filter(({ message }) => message?.room === room && !isBefore(end, message.id));
    lost.forEach((entry) => this.remove(entry));
    return lost.flatMap(({ message }) => message ?? []);
  }

  /** Whether another tab of this browser may have sent the message. @param {Message} message */
  #isElsewhere(message) {
    return message.name === me.name && this.#box.elsewhere().some((letter) => isLike({ ...letter, message: null }, message));
  }

  /** The first entry that may be sent now. */
  get #next() {
    this.#pauses.expire();
    return this.entries.find(({ state, room, hold }) => state === 'queued' && hold <= Date.now() && this.#pauses.allow(room));
  }

  /** Flushes when the first delay is over. */
  #wait() {
    clearTimeout(this.#retry);
    const held = this.entries.map(({ hold }) => hold).filter((hold) => hold > Date.now());
    const ends = [...this.#pauses.ends, ...held];
    if (ends.length > 0) this.#retry = setTimeout(() => void this.flush(), Math.max(0, Math.min(...ends) - Date.now()));
  }

  /** @param {Entry} entry */
  async #post(entry) {
    entry.state = 'sending';
    entry.tried = true;
    entry.failure = null;
    this.#sending = { since: Date.now(), abort: new AbortController() };
    // Stored before the request: after a reload the server may have the message.
    this.#keep();
    try {
      if (entry.kind === 'message') {
        const { message, text } = await publish(entry, this.#terms);
        this.#published(entry, message, text);
      } else this.#changed(entry, await change(entry, this.#terms));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.#failed(entry, error);
    }
    this.#keep();
  }

  /** @returns {import('./delivery.js').Terms} of a request */
  get #terms() {
    return [this.#pauses.timeoutMs, this.#sending.abort.signal];
  }

  /** @param {Entry} entry @param {Message} message @param {string} text as sent */
  #published(entry, message, text) {
    this.#pauses.reached();
    me.addOwn(message.id);
    entry.state = 'sent';
    entry.message = message;
    // An echo of another epoch is the same message from before a restart.
    for (const id of entry.echoes) if (!isSameEpoch(id, message.id)) this.#on.duplicate(entry.room, id);
    const isThere = this.#arrived.has(message.id);
    entry.echoes = [];
    if (isThere) this.entries = this.entries.filter((other) => other !== entry);
    // It was edited meanwhile.
    if (entry.text !== text && !message.deleted) this.#add({ kind: 'edit', target: message.id, room: entry.room, text: entry.text }, true);
    if (message.verified && message.name !== me.name) this.#on.named(message.name);
  }

  /** @param {Entry} entry @param {any} answer */
  #changed(entry, answer) {
    this.#pauses.reached();
    this.entries = this.entries.filter((other) => other !== entry);
    this.#on.made(entry, answer && readMessage(answer));
  }

  /** @param {Entry} entry @param {Failure} failure */
  #failed(entry, failure) {
    const { code, message: detail, status } = failure;
    entry.failure = failure;
    if (this.#pauses.failed(entry.room, failure)) {
      entry.state = 'queued';
      if (code === 'timeout') this.#on.timedOut();
      return;
    }
    const isGone = code === 'not_found';
    if (entry.kind === 'delete' || entry.kind === 'react' || entry.kind === 'edit' && isGone) {
      this.entries = this.entries.filter((other) => other !== entry);
      if (entry.kind === 'react') reacted.set(entry.target, entry.text, !entry.on);
      this.#on.dropped(entry, failure);
      return;
    }
    entry.state = 'failed';
    entry.refusal = { code, detail, status };
    entry.echoes = [];
  }

  /** @param {Letter[]} letters of a page that is gone */
  #take(letters) {
    for (const letter of letters) {
      if (!this.entries.some(({ client_id }) => client_id === letter.client_id)) this.entries.push(entryOf(letter));
    }
    this.entries.sort((a, b) => a.at - b.at);
    this.#keep();
    void this.flush();
  }

  #keep() {
    this.#box.keep();
    this.#on.changed();
  }
}
