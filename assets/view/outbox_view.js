// Pending and failed messages below the log, with their state and actions.

import { wordsOfRight } from '../words/answers.js';
import { byId, button, make } from './dom.js';
import { formatDate, language, translate } from '../words/language.js';
import { LogView } from './log_view.js';
import { isGrouped, rowOf } from './rows.js';

/**
 * @typedef {import('../state/outbox.js').Entry} Entry
 * @typedef {import('../state/outbox.js').Outbox} Outbox
 * @typedef {{again(entry: Entry): void, edit(entry: Entry): void, remove(entry: Entry): void}} Actions
 */

const view = new LogView(byId('outbox'));

/** @param {Outbox} outbox @param {string} room the open one @param {{me: string, names: string[]}} viewer @param {Actions} actions */
export function showOutbox(outbox, room, viewer, actions) {
  view.show(outbox.shown(room).map((entry, at, entries) => {
    const cause = outbox.waitsFor(entry);
    const before = entries[at - 1];
    const first = before ? !isOneGroup(before, entry) : !followsLast(entry);
    return {
      key: entry.client_id,
      look: [first, entry.state, cause === 'old' ? 'old' : cause?.code, entry.name, viewer.me, language()].join(),
      make: () => rowFor(entry, cause, viewer, first, actions),
    };
  }));
}

/** @typedef {Entry['failure']} Cause */

/** @param {Entry} before @param {Entry} entry */
const isOneGroup = (before, entry) => isGrouped({ name: before.name, message: before.text, at: before.at }, { name: entry.name, message: entry.text, at: entry.at });

/** Whether an entry goes on a group that the log ends with. @param {Entry} entry */
function followsLast({ name, text, at }) {
  const last = byId('log').lastElementChild;
  const time = last?.querySelector('time')?.dateTime;
  if (!last?.matches('.own:not(.action)') || !time) return false;
  return isGrouped({ name: last.querySelector('bdi')?.textContent ?? '', message: '', at: Date.parse(time) }, { name, message: text, at });
}

/** @param {Entry} entry @param {Cause} cause @param {{me: string, names: string[]}} viewer @param {boolean} first @param {Actions} actions */
function rowFor(entry, cause, viewer, first, actions) {
  const row = rowOf(entry.name, entry.text, viewer, first);
  row.classList.add('own', entry.state);
  const state = make('p', 'state', wordsOf(entry, cause));
  /** @param {'retry' | 'edit' | 'delete'} word @param {(entry: Entry) => void} action */
  const offer = (word, action) => state.append(' ', button('link', translate(word), () => action(entry)));
  if (entry.state === 'failed') {
    offer('retry', actions.again);
    offer('edit', actions.edit);
  }
  if (entry.state === 'failed' || entry.state === 'queued') offer('delete', actions.remove);
  row.append(state);
  return row;
}

/** @param {Entry} entry @param {Cause} cause */
function wordsOf({ state, at }, cause) {
  if (state === 'sent') return translate('sent');
  if (state === 'failed') {
    return translate('failed', { why: cause === 'old' ? translate('tooOld', { when: formatDate(new Date(at), { dateStyle: 'full' }) }) : reasonOf(cause) });
  }
  if (cause === null || cause === 'old') return translate('sending');
  // The server has answered, so the connection is not the cause.
  return cause.status ? translate('later', { why: reasonOf(cause) }) : translate('queued');
}

/** Known problems in the page's language, others with the server's detail. @param {import('../server/server.js').Failure | null} failure */
function reasonOf(failure) {
  const known = /** @type {const} */ (['message_too_large', 'invalid_message', 'invalid_name', 'rate_limited', 'cross_origin', 'client_id_reused']);
  const word = known.find((code) => code === failure?.code);
  return word ? translate(word) : wordsOfRight(failure?.code) || (failure?.message ?? '');
}
