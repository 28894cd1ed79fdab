// Requests about sessions, deleting and bans.

import { ask, roomUrl, server } from '../server/server.js';

/** @typedef {{message: string, name?: string, until: string}} Ban `message`: the id of the message whose author is banned */

/** @param {string} room @param {string} id @param {string} [duration] */
function banUrl(room, id, duration) {
  const url = roomUrl(room, 'bans');
  url.searchParams.set('message', id);
  if (duration) url.searchParams.set('for', duration);
  return url;
}

export const requests = {
  /** Deletes a message, as its author or as a moderator. @param {import('../server/protocol.js').Message} message @param {string} editKey */
  remove: ({ room, id }, editKey) => ask(roomUrl(room, `messages/${id}`), { method: 'DELETE', headers: { 'edit-key': editKey } }),

  /** The bans of a room, for its moderators. @param {string} room @returns {Promise<{room: string, bans: Ban[]}>} */
  bans: (room) => ask(roomUrl(room, 'bans')),

  /** Bans the author of a message. @param {string} room @param {string} id of the message @param {string} duration such as `1h` */
  ban: (room, id, duration) => ask(banUrl(room, id, duration), { method: 'PUT' }),

  /** Lifts a ban. @param {string} room @param {string} id of its message */
  lift: (room, id) => ask(banUrl(room, id), { method: 'DELETE' }),

  /** Begins a session, which the server keeps in a cookie. @param {string} token */
  beginSession: (token) => ask(new URL('session', server.root), { method: 'POST', headers: { authorization: `Bearer ${token}` } }),

  endSession: () => ask(new URL('session', server.root), { method: 'DELETE' }),
};
