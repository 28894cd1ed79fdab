// The current state of a stream, for tabs that attach later.

import { merge } from '../server/presence.js';

/**
 * @typedef {import('./connection.js').StreamEvent} StreamEvent
 * @typedef {import('../server/protocol.js').Presence} Presence
 * @typedef {{room: string, oldest: string | null, newest: string | null, next: number}} RoomPosition the oldest and the newest message of a room
 * @typedef {{places: RoomPosition[], presences: Presence[], staleSince: number | null}} StreamState
 */

export class Snapshot {
  /** @type {Map<string, RoomPosition>} */
  #places = new Map();
  /** @type {Map<string, Presence>} */
  #presences = new Map();
  /** @type {number | null} */
  #staleSince = null;

  /** @param {StreamEvent} event */
  apply(event) {
    if (event.type === 'hello') {
      this.#staleSince = null;
      this.#places = new Map(event.hello.rooms.map(({ room, oldest, newest, next }) => [room, { room, oldest, newest, next }]));
    } else if (event.type === 'update' || event.type === 'change' && event.id === event.message.id) {
      // A change under the id of its message is a deleted message.
      const { room, id, number } = event.message;
      this.#places.set(room, { room, oldest: this.#places.get(room)?.oldest ?? id, newest: id, next: number + 1 });
    } else if (event.type === 'stale') {
      this.#staleSince = event.since;
    } else if (event.type === 'presence') {
      this.#presences.set(event.presence.room, merge(this.#presences.get(event.presence.room), event.presence));
    }
  }

  /** @returns {StreamState} */
  state() {
    const rooms = [...this.#places.keys()];
    return {
      places: [...this.#places.values()],
      presences: rooms.flatMap((room) => this.#presences.get(room) ?? []),
      staleSince: this.#staleSince,
    };
  }
}
