// Undo for leaving a room: a secret room name may not be known from elsewhere. The
// room returns at its position in the list, with its unread count.

import { announce, notice } from '../view/notice.js';
import { translate } from '../words/language.js';
import { more } from '../words/more_words.js';
import { MAX_JOINED } from '../state/rooms.js';

/** How long the undo is offered. */
const UNDO_MS = 20_000;

/** @typedef {import('../state/rooms.js').Room} Room */
/** @typedef {{room: Room, at: number, wasOpen: boolean, until: number}} Left */

export class Leaving {
  #rooms;
  #restored;
  /** Left rooms, the latest last. @type {Left[]} */
  #left = [];

  /** @param {import('../state/rooms.js').Rooms} rooms @param {(room: string, wasOpen: boolean) => void} restored a room is back in the list */
  constructor(rooms, restored) {
    this.#rooms = rooms;
    this.#restored = restored;
  }

  /** Leaves a room and offers to undo it. @param {string} name @param {boolean} wasOpen @param {boolean} takesFocus whether the offer gets the focus */
  leave(name, wasOpen, takesFocus) {
    const at = this.#rooms.list.findIndex((room) => room.name === name);
    const room = this.#rooms.list[at];
    if (!room) return;
    this.#rooms.leave(name);
    this.#left.push({ room, at, wasOpen, until: Date.now() + UNDO_MS });
    this.#offer(takesFocus);
  }

  /** Offers to undo the latest leaving, if its time is not over. @param {boolean} takesFocus */
  #offer(takesFocus) {
    this.#left = this.#left.filter(({ until }) => until > Date.now());
    const last = this.#left.at(-1);
    if (!last) return;
    const undo = notice(more('left', { room: last.room.name }), last.until - Date.now(), {
      label: more('undo'),
      act: () => this.#undo(last),
    });
    if (takesFocus) undo?.focus();
  }

  /** @param {Left} left */
  #undo(left) {
    const { room, at, wasOpen } = left;
    if (!this.#rooms.restore(room, at)) {
      notice(translate('tooManyRooms', { n: MAX_JOINED }));
      return;
    }
    this.#left = this.#left.filter((other) => other !== left);
    this.#restored(room.name, wasOpen);
    this.#offer(false);
    announce(more('back', { room: room.name }));
  }
}
