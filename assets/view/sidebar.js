// The side list of joined rooms with their unread counts.

import { bellOf, showLevel } from './bell.js';
import { button, byId, foreign, make } from './dom.js';
import { translate } from '../words/language.js';
import { unread } from '../state/rooms.js';
import { server } from '../server/server.js';

/** @typedef {{item: HTMLLIElement, link: HTMLAnchorElement, badges: HTMLSpanElement, bell: HTMLButtonElement, leave: HTMLButtonElement}} Row */
/**
 * @typedef {{go(room: string): void, leave(room: string, byKey: boolean): void, mayLeave(room: string): boolean,
 *            alerts(room: string, opener: HTMLElement): void}} On
 *   `byKey`: the focus was on its button, which is removed
 */

const MAX_SHOWN = 99;

/** Rows by room. A row keeps its element, which may have the focus or be pressed while its counts change. @type {Map<string, Row>} */
const rows = new Map();
/** The open room at the last update. */
let shown = '';

/** @param {number} n */
const short = (n) => (n > MAX_SHOWN ? `${MAX_SHOWN}+` : String(n));

/**
 * @param {import('../state/rooms.js').Rooms} rooms
 * @param {On} on
 */
export function showRooms(rooms, on) {
  const { open } = rooms;
  for (const [room, { item }] of rows) {
    if (rooms.get(room)) continue;
    item.remove();
    rows.delete(room);
  }
  const list = byId('room-list');
  rooms.list.forEach((room, at) => {
    let row = rows.get(room.name);
    if (!row) rows.set(room.name, row = rowOf(room.name, on));
    show(row, room, open, on);
    if (list.children[at] !== row.item) list.insertBefore(row.item, list.children[at] ?? null);
  });
  if (open !== shown) bringIntoSight(list, rows.get(open)?.item);
  shown = open;
  const elsewhere = rooms.unread(open);
  byId('open-rooms').dataset.badge = elsewhere > 0 ? short(elsewhere) : '';
}

/** Scrolls only the list, not the page around it. @param {HTMLElement} list @param {HTMLElement | undefined} item */
function bringIntoSight(list, item) {
  if (!item) return;
  const [row, all] = [item.getBoundingClientRect(), list.getBoundingClientRect()];
  list.scrollTop += Math.min(0, row.top - all.top) + Math.max(0, row.bottom - all.bottom);
}

/** @param {string} room @param {On} on @returns {Row} */
function rowOf(room, on) {
  const badges = make('span', 'badges');
  const link = make('a', 'room', foreign('bdi', 'room-name', room), badges);
  link.href = server.pageOf(room);
  link.dataset.room = room;
  link.addEventListener('click', (event) => {
    // With a modifier key, the browser opens the link in a new tab or window.
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    on.go(room);
  });
  const leave = button('icon leave', '×', ({ detail }) => on.leave(room, detail === 0));
  const bell = bellOf((opener) => on.alerts(room, opener));
  return { item: make('li', '', link, bell, leave), link, badges, bell, leave };
}

/** @param {Row} row @param {import('../state/rooms.js').Room} room @param {string} open @param {On} on */
function show({ item, link, badges, bell, leave }, room, open, on) {
  if (room.name === open) link.setAttribute('aria-current', 'page');
  else link.removeAttribute('aria-current');
  const count = unread(room);
  const isCalm = room.alerts === 'nothing';
  item.classList.toggle('calm', isCalm);
  link.classList.toggle('news', count > 0 && !isCalm);
  showLevel(bell, room);
  // In other rows, only as a sign that the level is not the usual one.
  bell.hidden = room.name !== open && room.alerts === 'mentions';
  const labels = [
    ...room.mentions > 0 ? [translate('mentioned', { n: room.mentions })] : [],
    ...count > 0 ? [translate('unread', { n: count })] : [],
  ];
  // One badge: mentions matter more, except where they raise no alerts.
  const [kind, text] = room.mentions > 0 && !isCalm ? ['mentions', `@${short(room.mentions)}`] : ['count', short(count)];
  badges.replaceChildren(...labels.length > 0 ? [badge(kind, text, labels.join(', '))] : []);
  leave.title = leave.ariaLabel = translate('leaveRoom', { room: room.name });
  leave.hidden = !on.mayLeave(room.name);
}

/** @param {string} className @param {string} text @param {string} label for screen readers */
function badge(className, text, label) {
  const shown = make('span', '', text);
  shown.ariaHidden = 'true';
  return make('span', `badge ${className}`, shown, make('span', 'sr-only', label));
}
