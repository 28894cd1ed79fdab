// What is on its way, below the talk, with its state and what can be done.

import { byId, button, make } from './dom.js';
import { formatDate, language, say } from './language.js';
import { LogView } from './log_view.js';
import { rowOf } from './rows.js';

/**
 * @typedef {import('./outbox.js').Entry} Entry
 * @typedef {{again(entry: Entry): void, edit(entry: Entry): void, remove(entry: Entry): void}} Actions
 */

const view = new LogView(byId('outbox'));

/** @param {Entry[]} entries of the open room @param {{me: string, names: string[]}} eye @param {Actions} actions */
export function showOutbox(entries, eye, actions) {
  view.show(entries.map((entry) => ({
    key: entry.client_id,
    look: [entry.state, entry.failure === 'old' ? 'old' : entry.failure?.code, eye.me, language()].join(),
    make: () => rowFor(entry, eye, actions),
  })));
}

/** @param {Entry} entry @param {{me: string, names: string[]}} eye @param {Actions} actions */
function rowFor(entry, eye, actions) {
  const row = rowOf(eye.me, entry.text, eye, true);
  row.classList.add('own', entry.state);
  const state = make('p', 'state', wordsOf(entry));
  /** @param {'retry' | 'edit' | 'delete'} word @param {(entry: Entry) => void} action */
  const offer = (word, action) => state.append(' ', button('link', say(word), () => action(entry)));
  if (entry.state === 'failed') {
    offer('retry', actions.again);
    offer('edit', actions.edit);
  }
  if (entry.state === 'failed' || entry.state === 'queued') offer('delete', actions.remove);
  row.append(state);
  return row;
}

/** @param {Entry} entry */
function wordsOf({ state, failure, at }) {
  // The server has answered: it is not the connection that is waited for.
  if (state === 'queued' && failure !== 'old' && failure?.status) return say('later', { why: reasonOf(failure) });
  if (state !== 'failed') return say(state === 'queued' && !failure ? 'sending' : state);
  const isOld = failure === 'old';
  return say('failed', { why: isOld ? say('tooOld', { when: formatDate(new Date(at), { dateStyle: 'full' }) }) : reasonOf(failure) });
}

/** Known problems in the page's language, others as the server says them. @param {import('./server.js').Failure | null} failure */
function reasonOf(failure) {
  const known = /** @type {const} */ (['message_too_large', 'invalid_message', 'invalid_name', 'rate_limited', 'cross_origin']);
  const word = known.find((code) => code === failure?.code);
  return word ? say(word) : failure?.message ?? '';
}
