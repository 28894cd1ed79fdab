// Types of the protocol, and the ids of entries.

/**
 * @typedef {{emoji: string, count: number, names: string[]}} Reaction `names`: at most 10
 * @typedef {{id: string, room: string, number: number, name: string, message: string, created_at: string,
 *            verified?: boolean, reply_to?: string, edited_at?: string, reactions?: Reaction[], deleted?: boolean}} Message
 *   `verified`: a token fixed the name; `reply_to`: the id of the message that it answers; `deleted`: name, message and created_at are empty
 * @typedef {{room: string, reason: string, lost: number | null, next: number}} Gap
 * @typedef {{room: string, members: number, oldest: string | null, newest: string | null, next: number}} RoomState
 * @typedef {{cursor: string, ping_ms: number, rooms: RoomState[]}} Hello
 * @typedef {{name: string, since: string}} Member
 * @typedef {{room: string, count: number, members?: Member[], joined?: Member[], left?: (Member & {now?: string})[], typing?: string[]}} Presence
 *   `now`: the name that a member has taken instead; `typing`: who types now; nobody if it is missing
 * @typedef {{epoch: string, seq: number}} EventId
 */

/** The most rooms of one stream. */
export const MAX_ROOMS = 100;

/** Reads an entry of a stream or of history; null for an event of a program. @param {any} entry @returns {Message | null} */
export function readMessage(entry) {
  if (typeof entry.number !== 'number') return null;
  return entry.deleted ? deletedOf(entry) : entry;
}

/** What is left of a deleted message. @param {{id: string, room: string, number: number}} message @returns {Message} */
export const deletedOf = ({ id, room, number }) => ({ id, room, number, deleted: true, name: '', message: '', created_at: '' });

/** @param {string} id @returns {EventId} */
export function parseId(id) {
  const cut = id.lastIndexOf('-');
  return { epoch: id.slice(0, cut), seq: Number(id.slice(cut + 1)) };
}

/** Whether `id` is known to who knows `newest`: only ids of one epoch tell that. @param {string} id @param {string} newest */
export function isUpTo(id, newest) {
  const [a, b] = [parseId(id), parseId(newest)];
  return a.epoch === b.epoch && a.seq <= b.seq;
}

/** @param {string} a @param {string} b */
export const isSameEpoch = (a, b) => parseId(a).epoch === parseId(b).epoch;
