// Letters: what the outbox sends, and how it is stored. A letter is a message, or a
// change of one that the server has: an edit, a deletion or a reaction.

import { me } from './me.js';
import { numberOf, stringOr } from './memory.js';
import { Failure } from '../server/server.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {{code: string, detail: string, status: number}} Refusal
 * @typedef {'message' | 'edit' | 'delete' | 'react'} Kind
 * @typedef {{kind: Kind, client_id: string, edit_key: string | undefined, room: string, name: string, text: string, at: number,
 *            tried: boolean, texts: string[], refusal: Refusal | null, reply_to: string | undefined, target: string, on: boolean, hold: number}} Letter
 *   `edit_key`: for all retries the same; `text`: of a reaction, the emoji; `texts`: earlier ones that the server may have accepted;
 *   `refusal`: why the server refused it; `tried`: the server may have accepted it already; `target`: the id of the changed message;
 *   `on`: whether the reaction is added; `hold`: it is not sent before this time
 * @typedef {Letter & {state: 'queued' | 'sending' | 'sent' | 'failed', failure: Failure | 'old' | null,
 *                     message: Message | null, echoes: string[]}} Entry
 * @typedef {{until: number, letters: Partial<Letter>[], changes?: Partial<Letter>[]}} Box the stored form, owned by its page until `until`
 *   Changes are stored apart: earlier versions of the page would send them as messages.
 */

/** Older messages and edits are sent only on request. */
const OLD_MS = 24 * 3_600_000;
/** The most that the clocks of the server and of this browser may differ. */
const MAX_SKEW_MS = 3_600_000;
/** The most earlier texts of a message. */
const MAX_TEXTS = 5;

/** Stored data is untrusted; earlier versions stored no kinds, names and keys. @param {Box | null} box @returns {Letter[]} */
export function lettersOf(box) {
  const [letters, changes] = [box?.letters, box?.changes].map((list) => (Array.isArray(list) ? list : []));
  return [...(letters ?? []).map((letter) => read(letter, 'message')), ...(changes ?? []).map((letter) => read(letter, letter?.kind))]
    .filter((letter) => letter !== null);
}

/** @param {any} letter @param {unknown} kind @returns {Letter | null} */
function read(letter, kind) {
  if (![letter?.client_id, letter?.room, letter?.text].every((part) => typeof part === 'string')) return null;
  if (kind !== 'message' && kind !== 'edit' && kind !== 'delete' && kind !== 'react') return null;
  const { client_id, edit_key, room, name, text, at, tried, texts, refusal, reply_to, target, on, hold } = letter;
  return {
    kind, client_id, edit_key: stringOr(edit_key, undefined), room, text, name: stringOr(name, me.name), at: numberOf(at),
    tried: tried !== false, texts: Array.isArray(texts) ? texts.filter((other) => typeof other === 'string') : [],
    refusal: refusal ? { code: stringOr(refusal.code, ''), detail: stringOr(refusal.detail, ''), status: numberOf(refusal.status) || 400 } : null,
    reply_to: stringOr(reply_to, undefined), target: stringOr(target, ''), on: on !== false, hold: numberOf(hold),
  };
}

/** @param {Entry[]} entries @param {number} until @returns {Box | null} */
export function boxOf(entries, until) {
  const all = entries.filter(({ message }) => !message);
  if (all.length === 0) return null;
  const [letters, changes] = [true, false].map((isMessage) => all.filter(({ kind }) => (kind === 'message') === isMessage).map(letterOf));
  return { until, letters: letters ?? [], ...changes?.length && { changes } };
}

/** @param {Entry} entry @returns {Partial<Letter>} */
function letterOf({ kind, client_id, edit_key, room, name, text, at, tried, texts, refusal, reply_to, target, on, hold }) {
  const letter = { client_id, edit_key, room, name, text, at, tried, refusal };
  return kind === 'message' ? { ...letter, reply_to, ...texts.length > 0 && { texts } } : { ...letter, kind, target, on, hold };
}

/** @param {Letter} letter @returns {Entry} */
export function entryOf(letter) {
  const { kind, refusal, at } = letter;
  const isOld = Date.now() - at > OLD_MS && (kind === 'message' || kind === 'edit');
  const failure = refusal ? new Failure(refusal.code, refusal.detail, refusal.status) : isOld ? 'old' : null;
  return { ...letter, state: failure ? 'failed' : 'queued', failure, message: null, echoes: [] };
}

/** Changes the text of a message that the server may have already. @param {Entry} entry @param {string} text */
export function changeText(entry, text) {
  if (entry.tried && !entry.texts.includes(entry.text)) entry.texts = [...entry.texts, entry.text].slice(-MAX_TEXTS);
  entry.text = text;
}

/** Whether a message may be a sent one without a response yet. @param {Letter & {message: Message | null}} letter @param {Message} message */
export const isLike = ({ kind, tried, message: known, refusal, room, name, text, texts, at }, message) =>
  kind === 'message' && tried && !known && !refusal && room === message.room && name === message.name
  && (text === message.message || texts.includes(message.message)) && Date.parse(message.created_at) > at - MAX_SKEW_MS;
