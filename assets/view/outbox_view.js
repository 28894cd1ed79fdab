// Pending and failed messages below the log, with their state and actions.

import { byId } from './dom.js';
import { stateKey, stateOf } from './entry_state.js';
import { language } from '../words/language.js';
import { LogView } from './log_view.js';
import { isGrouped, rowOf } from './rows.js';

/**
 * @typedef {import('../state/letters.js').Entry} Entry
 * @typedef {import('../state/outbox.js').Outbox} Outbox
 * @typedef {import('./entry_state.js').Offers} Offers
 */

const view = new LogView(byId('outbox'));

/** @param {Outbox} outbox @param {string} room the open one @param {import('./rows.js').Viewer} viewer @param {Offers} offers */
export function showOutbox(outbox, room, viewer, offers) {
  view.show(outbox.shown(room).map((entry, at, entries) => {
    const cause = outbox.waitsFor(entry);
    const before = entries[at - 1];
    const first = before ? !isGrouped(saidIn(before), saidIn(entry)) : !followsLast(entry);
    const { reply_to } = entry;
    return {
      key: entry.client_id,
      look: [first, stateKey(entry, cause), entry.text, entry.name, viewer.me, reply_to && viewer.quoted(reply_to)?.text, language()].join(),
      make() {
        const row = rowOf({ name: entry.name, message: entry.text, reply_to }, viewer, first);
        row.classList.add('own', entry.state);
        row.append(stateOf(entry, cause, offers));
        return row;
      },
    };
  }));
}

/** @param {Entry} entry @returns {import('./rows.js').Said} */
const saidIn = ({ name, text, reply_to, at }) => ({ name, message: text, reply_to, at });

/** Whether an entry goes on a group that the log ends with. @param {Entry} entry */
function followsLast(entry) {
  const last = byId('log').lastElementChild;
  const time = last?.querySelector('time')?.dateTime;
  if (!last?.matches('.own:not(.action)') || !time) return false;
  return isGrouped({ name: last.querySelector('bdi')?.textContent ?? '', message: '', at: Date.parse(time) }, saidIn(entry));
}
