// The requests of letters.

import { me } from './me.js';
import { Failure, server } from '../server/server.js';

/**
 * @typedef {import('./letters.js').Letter} Letter
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {[timeoutMs: number, signal: AbortSignal]} Terms
 */

/**
 * Publishes a message. The server may have accepted an earlier text of it; then that
 * is what is answered.
 * @param {Letter} letter @param {Terms} terms @returns {Promise<{message: Message, text: string}>} `text`: as sent
 */
export async function publish({ room, name, text, texts, client_id, edit_key, reply_to }, terms) {
  const draft = { client_id, edit_key, ...reply_to && { reply_to } };
  let refused;
  for (const sent of [text, ...texts.toReversed()]) {
    try {
      const message = await withName(name, (names) => server.publish(room, { ...names, message: sent, ...draft }, ...terms));
      return { message, text: sent };
    } catch (error) {
      refused ??= error;
      if (!(error instanceof Failure) || error.code !== 'client_id_reused') throw error;
    }
  }
  throw refused;
}

/** Makes a change. @param {Letter} letter @param {Terms} terms @returns {Promise<any>} of an edit, the message */
export function change({ kind, room, target, text, name, on, edit_key: editKey = me.editKey }, terms) {
  if (kind === 'edit') return server.change(room, target, { method: 'PATCH', editKey, body: { message: text } }, ...terms);
  if (kind === 'delete') return server.change(room, target, { method: 'DELETE', editKey }, ...terms);
  const path = `${target}/reactions/${encodeURIComponent(text)}`;
  if (!on) return server.change(room, path, { method: 'DELETE', editKey }, ...terms);
  return withName(name, (names) => server.change(room, `${path}?${new URLSearchParams(names)}`, { method: 'PUT', editKey }, ...terms));
}

/**
 * Makes a request with the name of its sender. The session may fix another name,
 * which the answer has.
 * @template T @param {string} name @param {(names: {name?: string}) => Promise<T>} request
 */
async function withName(name, request) {
  try {
    return await request({ name });
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'forbidden') throw error;
    return request({}).catch((other) => {
      throw other instanceof Failure && other.code === 'invalid_name' ? error : other;
    });
  }
}
