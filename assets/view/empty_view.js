// What stands in a room without messages.

import { isolated, translate } from '../words/language.js';
import { button, byId, make } from './dom.js';

/** @typedef {'new' | 'gone'} Emptiness nothing has been said yet; the server no longer has what was said */

/** What is shown, so that a button keeps its focus. */
let shown = '';

/** @param {Emptiness | null} why null if there are messages @param {string} room @param {boolean} isAlone @param {() => void} invite */
export function showEmpty(why, room, isAlone, invite) {
  const box = byId('empty');
  box.hidden = why === null;
  if (why === null) return;
  const words = [
    why === 'gone' ? translate('gone', { room: isolated(room) }) : translate('empty'),
    isAlone ? translate('onlyYou') : translate('sayHello'),
    translate('invite'),
  ];
  if (shown === words.join()) return;
  shown = words.join();
  const [first = '', second = '', label = ''] = words;
  box.replaceChildren(make('p', '', first), make('p', '', second), ...isAlone ? [button('quiet', label, invite)] : []);
}

/** Why no message is shown. @param {import('../state/room_log.js').RoomLog} log @param {import('../state/rooms.js').Room | undefined} room @returns {Emptiness | null} */
export function emptinessOf({ top, items, atEnd }, room) {
  const hasEntries = items.some(({ kind }) => kind !== 'people');
  if (top === null || hasEntries || byId('outbox').childElementCount > 0 || !atEnd) return null;
  return top === 'evicted' || Math.max(room?.read?.number ?? 0, (room?.next ?? 1) - 1) > 0 ? 'gone' : 'new';
}
