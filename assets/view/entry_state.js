// The state of what is on its way, in words, with its actions.

import { wordsOfRight } from '../words/answers.js';
import { button, make } from './dom.js';
import { formatDate, translate } from '../words/language.js';

/**
 * @typedef {import('../state/letters.js').Entry} Entry
 * @typedef {Entry['failure']} Cause
 * @typedef {{again(entry: Entry): void, edit(entry: Entry): void, remove(entry: Entry): void}} Offers
 */

/** Changes with what the state shows. @param {Entry} entry @param {Cause} cause */
export const stateKey = (entry, cause) => [entry.state, cause === 'old' ? 'old' : cause?.code].join();

/** @param {Entry} entry @param {Cause} cause @param {Offers} offers */
export function stateOf(entry, cause, offers) {
  const state = make('p', 'state', wordsOf(entry, cause));
  /** @param {'retry' | 'edit' | 'delete' | 'discard'} word @param {(entry: Entry) => void} action */
  const offer = (word, action) => state.append(' ', button('link', translate(word), () => action(entry)));
  if (entry.state === 'failed') offer('retry', offers.again);
  if (entry.state !== 'failed' && entry.state !== 'queued') return state;
  offer('edit', offers.edit);
  offer(entry.kind === 'edit' ? 'discard' : 'delete', offers.remove);
  return state;
}

/** @param {Entry} entry @param {Cause} cause */
export function wordsOf({ kind, state, at }, cause) {
  if (state === 'sent') return translate('sent');
  if (state === 'failed') {
    const why = cause === 'old' ? translate('tooOld', { when: formatDate(new Date(at), { dateStyle: 'full' }) }) : reasonOf(cause);
    return translate(kind === 'edit' ? 'notSaved' : 'failed', { why });
  }
  if (cause === null || cause === 'old') return translate(kind === 'edit' ? 'saving' : 'sending');
  // The server has answered, so the connection is not the cause.
  return cause.status ? translate('later', { why: reasonOf(cause) }) : translate('queued');
}

/** Known problems in the page's language, others with the server's detail. @param {import('../server/server.js').Failure | null} failure */
function reasonOf(failure) {
  const known = /** @type {const} */ (['message_too_large', 'invalid_message', 'invalid_name', 'rate_limited', 'cross_origin', 'client_id_reused', 'history_unavailable']);
  const word = known.find((code) => code === failure?.code);
  return word ? translate(word) : wordsOfRight(failure?.code) || (failure?.message ?? '');
}
