// Finds messages that mention the user, and raises one alert for each, in one of
// this browser's tabs.

import { server } from '../server/server.js';
import { isUpTo } from '../server/protocol.js';
import { mentions } from './text.js';
import { me } from '../state/me.js';
import { memory } from '../state/memory.js';
import { unread } from '../state/rooms.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {{isOwn(message: {id: string}): boolean, namesIn(room: string): string[], openRoom(): string, alert(message: Message): void}} Host
 */

/** Unread messages per room that are checked for mentions after a start. */
const MAX_CHECKED = 100;
/** Longer than a tab takes to share its read positions. */
const ALERT_MS = 1_000;
/** Longer than a change of localStorage takes to reach all tabs. */
const RUNG_MS = 10_000;

export class Mentions {
  #rooms;
  #host;
  /** Messages that were deleted before their alert. @type {Set<string>} */
  #deleted = new Set();

  /** @param {import('../state/rooms.js').Rooms} rooms @param {Host} host */
  constructor(rooms, host) {
    this.#rooms = rooms;
    this.#host = host;
  }

  /** Checks a message, and alerts the user unless it is seen meanwhile. @param {Message} message @param {boolean} [isNews] whether it may raise an alert */
  check(message, isNews = true) {
    if (!this.#isMention(message)) return;
    this.#rooms.mentioned(message.room, message.id);
    const isSeen = message.room === this.#host.openRoom() && document.visibilityState === 'visible';
    if (isNews && !isSeen) setTimeout(() => this.#alert(message), ALERT_MS + Math.random() * ALERT_MS);
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

  /** A message was deleted, which may wait for its alert. @param {Message} message */
  forget({ room, id }) {
    this.#rooms.unmentioned(room, id);
    this.#deleted.add(id);
    setTimeout(() => this.#deleted.delete(id), 3 * ALERT_MS);
  }

  /** An answer to an own message counts as one. @param {Message} message */
  #isMention(message) {
    if (message.deleted || this.#host.isOwn(message)) return false;
    const answersMe = message.reply_to !== undefined && this.#host.isOwn({ id: message.reply_to });
    return answersMe || mentions(message.message, me.name, this.#host.namesIn(message.room));
  }

  /** Another tab may show the message or raise the alert. @param {Message} message */
  #alert(message) {
    const read = this.#rooms.get(message.room)?.read;
    if (this.#host.isOwn(message) || this.#deleted.has(message.id)) return;
    if (read && isUpTo(message.id, read.id) || memory.get('rung', '') === message.id) return;
    memory.set('rung', message.id);
    // Storage reaches other tabs late, so a lock decides. Plain HTTP has neither locks nor notifications.
    if (!navigator.locks) return this.#host.alert(message);
    void navigator.locks.request(`sse-chat.${message.id}`, { ifAvailable: true }, (lock) => {
      if (!lock) return;
      this.#host.alert(message);
      return new Promise((done) => { setTimeout(done, RUNG_MS); });
    });
  }
}
