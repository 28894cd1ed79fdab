// Raises one alert for the new messages of a room, in one of this browser's tabs.

import { alerted } from '../state/alerted.js';
import { clear } from './ring.js';
import { isUpTo } from '../server/protocol.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {import('../view/mentions.js').Alert} Alert
 * @typedef {import('../view/mentions.js').Host} Host
 * @typedef {{messages: Message[], mentions: Set<string>}} Pending
 */

/** Longer than a tab takes to share its read positions. */
const ALERT_MS = 1_000;
/** Longer than a change of localStorage takes to reach all tabs. */
const RUNG_MS = 10_000;
/** Messages of one alert; more are not counted. */
const MAX_PENDING = 100;

export class Alerting {
  #rooms;
  #host;
  /** Messages that wait for their alert, by room. @type {Map<string, Pending>} */
  #pending = new Map();
  /** Rooms of which this tab raises the alerts. @type {Set<string>} */
  #held = new Set();

  /** @param {import('../state/rooms.js').Rooms} rooms @param {Host} host */
  constructor(rooms, host) {
    this.#rooms = rooms;
    this.#host = host;
  }

  /** Alerts the user of a message, unless it is seen meanwhile. @param {Message} message @param {boolean} isMention */
  add(message, isMention) {
    const pending = this.#pending.get(message.room) ?? this.#begin(message.room);
    if (pending.messages.push(message) > MAX_PENDING) pending.messages.shift();
    if (isMention) pending.mentions.add(message.id);
  }

  /** A message was deleted, which may wait for its alert, or be in a notification. @param {Message} message */
  forget({ room, id }) {
    const pending = this.#pending.get(room);
    if (pending) pending.messages = pending.messages.filter((message) => message.id !== id);
    if (alerted.get().get(room) === id) this.read(room);
  }

  /** A room was read: its notification is out of date. @param {string} room */
  read(room) {
    const rooms = alerted.get();
    rooms.delete(room);
    alerted.set(rooms);
    void clear(room);
  }

  /** @param {string} room @returns {Pending} */
  #begin(room) {
    const pending = { messages: /** @type {Message[]} */ ([]), mentions: /** @type {Set<string>} */ (new Set()) };
    this.#pending.set(room, pending);
    setTimeout(() => this.#claim(room), ALERT_MS + Math.random() * ALERT_MS);
    return pending;
  }

  /** What still needs an alert: it is not read, and no tab has raised one. @param {string} room @returns {Message[]} */
  #rest(room) {
    const read = this.#rooms.get(room)?.read?.id;
    const last = alerted.get().get(room);
    return (this.#pending.get(room)?.messages ?? []).filter((message) =>
      !this.#host.isOwn(message) && !(read && isUpTo(message.id, read)) && !(last && isUpTo(message.id, last)));
  }

  /** Raises the alert, if no other tab does. @param {string} room */
  #claim(room) {
    if (this.#rest(room).length === 0) return void this.#pending.delete(room);
    // Storage reaches other tabs late, so a lock decides. Plain HTTP has neither locks nor notifications.
    if (!navigator.locks || this.#held.has(room)) return this.#alert(room);
    void navigator.locks.request(`sse-chat.alert.${room}`, { ifAvailable: true }, (lock) => {
      // The other tab may be closed before it raises the alert.
      if (!lock) return void setTimeout(() => this.#claim(room), RUNG_MS);
      this.#held.add(room);
      this.#alert(room);
      return new Promise((done) => {
        setTimeout(() => {
          this.#held.delete(room);
          done(undefined);
        }, RUNG_MS);
      });
    });
  }

  /** @param {string} room */
  #alert(room) {
    const messages = this.#rest(room);
    const mentioned = this.#pending.get(room)?.mentions;
    this.#pending.delete(room);
    const newest = messages.at(-1);
    if (!newest || this.#rooms.get(room)?.alerts === 'nothing') return;
    alerted.set(alerted.get().set(room, newest.id));
    this.#host.alert({ room, messages, isMention: messages.some(({ id }) => mentioned?.has(id)) });
  }
}
