// The side list: the rooms that somebody is in, and what is unread in them.

import { button, byId, foreign, make } from './dom.js';
import { say } from './language.js';
import { unread } from './rooms.js';
import { server } from './server.js';

const MAX_SHOWN = 99;

/** @param {number} n */
const short = (n) => (n > MAX_SHOWN ? `${MAX_SHOWN}+` : String(n));

/**
 * @param {import('./rooms.js').Rooms} rooms
 * @param {string} open the room that is on the page
 * @param {{go(room: string): void, leave(room: string): void}} on
 */
export function showRooms(rooms, open, on) {
  const focused = document.activeElement?.getAttribute('data-room');
  byId('room-list').replaceChildren(...rooms.list.map((room) => {
    const link = make('a', 'room', foreign('bdi', 'room-name', room.name));
    link.href = server.pageOf(room.name);
    link.dataset.room = room.name;
    if (room.name === open) link.setAttribute('aria-current', 'page');
    const count = unread(room);
    if (count > 0) {
      link.classList.add('news');
      link.append(badge('count', short(count), say('unread', { n: count })));
    }
    if (room.mentions > 0) link.append(badge('mentions', `@${short(room.mentions)}`, say('mentioned', { n: room.mentions })));
    link.addEventListener('click', (event) => {
      // As any link: with a key held, it opens elsewhere.
      if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
      event.preventDefault();
      on.go(room.name);
    });
    const leave = button('icon leave', '×', () => on.leave(room.name));
    leave.title = leave.ariaLabel = say('leaveRoom', { room: room.name });
    return make('li', '', link, leave);
  }));
  if (focused) [...byId('room-list').querySelectorAll('a')].find(({ dataset }) => dataset.room === focused)?.focus();
  const elsewhere = rooms.list.filter(({ name }) => name !== open).reduce((sum, room) => sum + unread(room), 0);
  byId('open-rooms').dataset.badge = elsewhere > 0 ? short(elsewhere) : '';
}

/** @param {string} className @param {string} text @param {string} label for those who hear it */
function badge(className, text, label) {
  const shown = make('span', '', text);
  shown.ariaHidden = 'true';
  return make('span', `badge ${className}`, shown, make('span', 'sr-only', label));
}
