// Finds messages that mention the user or are in a room that alerts of all. Their
// alerts are in later/alerting.js.

import { server } from '../server/server.js';
import { OnDemand } from './on_demand.js';
import { mentions } from './text.js';
import { alerted } from '../state/alerted.js';
import { me } from '../state/me.js';
import { unread } from '../state/rooms.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {{room: string, messages: Message[], isMention: boolean}} Alert `messages`: new ones, the newest last
 * @typedef {{isOwn(message: {id: string}): boolean, namesIn(room: string): string[], alert(alert: Alert): void}} Host
 */

/** Unread messages per room that are checked for mentions after a start. */
const MAX_CHECKED = 100;

export class Mentions {
  #rooms;
  #host;
  /** Loaded with the first alert. */
  #alerting = new OnDemand(async () => {
    const { Alerting } = await import('../later/alerting.js');
    return new Alerting(this.#rooms, this.#host);
  });

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
    void this.#alerting.use((alerting) => alerting.add(message, isMention));
  }

  /** Checks messages that arrived while this browser was closed. @param {string[]} rooms */
  async checkMissed(rooms) {
    for (const room of rooms) {
      const known = this.#rooms.get(room);
      if (!known?.read || unread(known) === 0 || room === this.#rooms.open) continue;
      const page = await server.messages(room, { after: known.read.id, limit: MAX_CHECKED }).catch(() => null);
      page?.messages.forEach((message) => this.check(message, false));
    }
  }

  /** A message was deleted, which may wait for its alert, or be in a notification. @param {Message} message */
  forget(message) {
    this.#rooms.unmentioned(message.room, message.id);
    if (this.#alerting.isUsed || this.#wasAlerted(message.room)) void this.#alerting.use((alerting) => alerting.forget(message));
  }

  /** A room was read: its notification is out of date. @param {string} room */
  read(room) {
    if (this.#wasAlerted(room)) void this.#alerting.use((alerting) => alerting.read(room));
  }

  /** @param {string} room */
  #wasAlerted(room) {
    return alerted.get().has(room);
  }

  /** An answer to an own message counts as one. @param {Message} message */
  #isMention(message) {
    const answersMe = message.reply_to !== undefined && this.#host.isOwn({ id: message.reply_to });
    return answersMe || mentions(message.message, me.name, this.#host.namesIn(message.room));
  }

  /** @param {string} room */
  #isSeen(room) {
    return room === this.#rooms.open && document.visibilityState === 'visible';
  }
}
