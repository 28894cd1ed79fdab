// Finds messages that mention the user or are in a room that alerts of all. Their
// alerts are in later/alerting.js.

import { server } from '../server/server.js';
import { mentions } from './text.js';
import { me } from '../state/me.js';
import { memory } from '../state/memory.js';
import { unread } from '../state/rooms.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {{room: string, messages: Message[], isMention: boolean}} Alert `messages`: new ones, the newest last
 * @typedef {{isOwn(message: {id: string}): boolean, namesIn(room: string): string[], openRoom(): string, alert(alert: Alert): void}} Host
 */

/** Unread messages per room that are checked for mentions after a start. */
const MAX_CHECKED = 100;
/** Where the newest message of each room with an alert is stored, until the room is read. */
export const ALERTED = 'alerted';

export class Mentions {
  #rooms;
  #host;
  /** Loaded with the first alert. @type {Promise<import('../later/alerting.js').Alerting | null> | null} */
  #alerting = null;

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
    this.#withAlerting((alerting) => alerting.add(message, isMention));
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
  forget(message) {
    this.#rooms.unmentioned(message.room, message.id);
    if (this.#alerting || this.#wasAlerted(message.room)) this.#withAlerting((alerting) => alerting.forget(message));
  }

  /** A room was read: its notification is out of date. @param {string} room */
  read(room) {
    if (this.#wasAlerted(room)) this.#withAlerting((alerting) => alerting.read(room));
  }

  /** @param {string} room */
  #wasAlerted(room) {
    return room in memory.get(ALERTED, /** @type {Record<string, string>} */ ({}));
  }

  /** @param {(alerting: import('../later/alerting.js').Alerting) => void} use */
  async #withAlerting(use) {
    this.#alerting ??= import('../later/alerting.js').then(({ Alerting }) => new Alerting(this.#rooms, this.#host)).catch(() => null);
    const alerting = await this.#alerting;
    if (alerting) use(alerting);
    // Without the server; the next alert tries again.
    else this.#alerting = null;
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
}
