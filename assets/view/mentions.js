// Finds messages that mention the user or are in a room that alerts of all, and
// raises one alert for those of a room, in one of this browser's tabs.

import { server } from '../server/server.js';
import { isUpTo } from '../server/protocol.js';
import { mentions } from './text.js';
import { me } from '../state/me.js';
import { memory } from '../state/memory.js';
import { unread } from '../state/rooms.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {{room: string, messages: Message[], isMention: boolean}} Alert `messages`: new ones, the newest last
 * @typedef {{isOwn(message: {id: string}): boolean, namesIn(room: string): string[], openRoom(): string, alert(alert: Alert): void}} Host
 * @typedef {{messages: Message[], mentions: Set<string>}} Pending
 */

/** Unread messages per room that are checked for mentions after a start. */
const MAX_CHECKED = 100;
/** Longer than a tab takes to share its read positions. */
const ALERT_MS = 1_000;
/** Longer than a change of localStorage takes to reach all tabs. */
const RUNG_MS = 10_000;
/** Messages of one alert; more are not counted. */
const MAX_PENDING = 100;
/** Where the newest message of each room with an alert is stored, until the room is read. */
export const ALERTED = 'alerted';

export class Mentions {
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

  /** Checks a message, and alerts the user unless it is seen meanwhile. @param {Message} message @param {boolean} [isNews] whether it may raise an alert */
  check(message, isNews = true) {
    if (message.deleted || this.#host.isOwn(message)) return;
    const { room, id } = message;
    const isMention = this.#isMention(message);
    if (isMention) this.#rooms.mentioned(room, id);
    const level = this.#rooms.get(room)?.alerts ?? 'nothing';
    if (!isNews || level === 'nothing' || level === 'mentions' && !isMention || this.#isSeen(room)) return;
    const pending = this.#pending.get(room) ?? this.#await(room);
    if (pending.messages.push(message) > MAX_PENDING) pending.messages.shift();
    if (isMention) pending.mentions.add(id);
  }

  /** Checks messages that arrived while this browser was closed. @param {string[]} rooms */
  async checkMissed(rooms) {
    for (const room of rooms) {
      const known = this.#rooms.get(room);
      if (!known?.read || unread(known) === 0 || room === this.#host.openRoom()) continue;
      const page = await server.messages(room, { after: known.read.id, limit: MAX_CHECKED }).catch(() => null);
      page?.messages.forEach((message) => this.check(message, false));
    }
  }

  /** A message was deleted, which may wait for its alert, or be in a notification. @param {Message} message */
  forget({ room, id }) {
    this.#rooms.unmentioned(room, id);
    const pending = this.#pending.get(room);
    if (pending) pending.messages = pending.messages.filter((message) => message.id !== id);
    if (memory.get(ALERTED, /** @type {Record<string, string>} */ ({}))[room] === id) this.read(room);
  }

  /** A room was read: its notification is out of date. @param {string} room */
  read(room) {
    const alerted = memory.get(ALERTED, /** @type {Record<string, string>} */ ({}));
    if (!(room in alerted)) return;
    delete alerted[room];
    memory.set(ALERTED, alerted);
    void import('../later/ring.js').then((module) => module.clear(room), () => {});
  }

  /** An answer to an own message counts as one. @param {Message} message */
  #isMention(message) {
    const answersMe = message.reply_to !== undefined && this.#host.isOwn({ id: message.reply_to });
    return answersMe || mentions(message.message, me.name, this.#host.namesIn(message.room));
  }

  /** @param {string} room */
  #isSeen(room) {
    return room === this.#host.openRoom() && document.visibilityState === 'visible';
  }

  /** @param {string} room @returns {Pending} */
  #await(room, waitMs = ALERT_MS + Math.random() * ALERT_MS) {
    const pending = { messages: /** @type {Message[]} */ ([]), mentions: /** @type {Set<string>} */ (new Set()) };
    this.#pending.set(room, pending);
    setTimeout(() => this.#claim(room), waitMs);
    return pending;
  }

  /** What still needs an alert: it is not read, and no tab has raised one. @param {string} room @returns {Message[]} */
  #rest(room) {
    const read = this.#rooms.get(room)?.read?.id;
    const alerted = memory.get(ALERTED, /** @type {Record<string, string>} */ ({}))[room];
    return (this.#pending.get(room)?.messages ?? []).filter((message) =>
      !this.#host.isOwn(message) && !(read && isUpTo(message.id, read)) && !(alerted && isUpTo(message.id, alerted)));
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
    memory.set(ALERTED, { ...memory.get(ALERTED, {}), [room]: newest.id });
    this.#host.alert({ room, messages, isMention: messages.some(({ id }) => mentioned?.has(id)) });
  }
}
