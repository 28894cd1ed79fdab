// The last messages of rooms, stored for the time without a connection: a page
// that is loaded then shows them until the server answers.
//
// They are in localStorage, which takes them also while the page is being closed.
// They are written when the page is hidden or loses its connection, and removed
// with their room and with the session in which they were read.

import { memory } from '../state/memory.js';
import { readMessage } from '../server/protocol.js';
import { session } from '../state/session.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {{at: number, session: string, messages: Message[]}} Kept `at`: when the page was last connected, by Date.now()
 */

const PREFIX = 'kept.';
const MAX_ROOMS = 20;
const MAX_MESSAGES = 50;
/** The most characters per room. Storage has room for about five million, and the outbox needs some. */
const MAX_LENGTH = 40_000;
const MAX_AGE_MS = 7 * 24 * 3_600_000;

/** What is stored for a room, if it may be shown. Stored data is untrusted. @param {string} room @returns {Kept | null} */
function read(room) {
  const kept = memory.get(PREFIX + room, /** @type {Kept | null} */ (null));
  if (!kept || !Array.isArray(kept.messages) || kept.session !== session.mark) return null;
  if (typeof kept.at !== 'number' || !(kept.at > Date.now() - MAX_AGE_MS) || kept.at > Date.now()) return null;
  return { ...kept, messages: kept.messages.flatMap((message) => (isMessage(message) ? readMessage(message) ?? [] : [])) };
}

/** @param {any} stored */
const isMessage = (stored) =>
  ['id', 'room', 'name', 'message'].every((key) => typeof stored?.[key] === 'string') && isTime(stored.created_at)
  && (stored.edited_at === undefined || isTime(stored.edited_at))
  && ['string', 'undefined'].includes(typeof stored.reply_to)
  && (stored.reactions === undefined || Array.isArray(stored.reactions) && stored.reactions.every(isReaction));

/** @param {any} stored */
const isTime = (stored) => typeof stored === 'string' && !Number.isNaN(Date.parse(stored));

/** @param {any} stored */
const isReaction = (stored) =>
  typeof stored?.emoji === 'string' && typeof stored.count === 'number' && Array.isArray(stored.names) && stored.names.every((/** @type {unknown} */ name) => typeof name === 'string');

const rooms = () => memory.keys(PREFIX).map((key) => key.slice(PREFIX.length));

export const kept = {
  /** @param {string} room */
  get: read,

  /** Replaces what is stored for a room. @param {string} room @param {Message[]} messages the newest at the end */
  set(room, messages) {
    const newest = messages.filter(({ deleted }) => !deleted).slice(-MAX_MESSAGES);
    let length = 0;
    const from = newest.findLastIndex((message) => (length += JSON.stringify(message).length) > MAX_LENGTH) + 1;
    const fitting = newest.slice(from);
    if (fitting.length === 0) return kept.remove(room);
    memory.set(PREFIX + room, { at: Date.now(), session: session.mark, messages: fitting });
  },

  /** @param {string} room */
  remove(room) {
    memory.set(PREFIX + room, null);
  },

  /** Removes a message that was deleted. @param {Message} message */
  forget({ room, id }) {
    const stored = read(room);
    if (!stored?.messages.some((message) => message.id === id)) return;
    memory.set(PREFIX + room, { ...stored, messages: stored.messages.filter((message) => message.id !== id) });
  },

  /** Removes what may no longer be shown: rooms that were left, other sessions, old ones. @param {string[]} joined */
  prune(joined) {
    const all = rooms().map((room) => ({ room, stored: joined.includes(room) ? read(room) : null }));
    all.sort((a, b) => (b.stored?.at ?? 0) - (a.stored?.at ?? 0));
    all.forEach(({ room, stored }, at) => {
      if (!stored || at >= MAX_ROOMS) kept.remove(room);
    });
  },

  clear() {
    rooms().forEach(kept.remove);
  },
};
