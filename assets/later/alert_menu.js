// The menu of a room's bell: all messages, mentions or nothing.

import { ALERT_LEVELS } from '../state/rooms.js';
import { button, make } from '../view/dom.js';
import { isOn } from '../view/settings.js';
import { more } from '../words/more_words.js';

/** @typedef {import('../state/rooms.js').AlertLevel} AlertLevel */

/** Between the menu and the edge of the window, in pixels. */
const EDGE_PX = 8;

/** @param {HTMLElement} opener @param {import('../state/rooms.js').Room} room @param {(level: AlertLevel) => void} chosen */
export function openAlertMenu(opener, room, chosen) {
  const menu = make('div', 'menu alert-menu');
  menu.role = 'menu';
  menu.ariaLabel = more('alerts', { room: room.name });
  menu.popover = 'auto';
  /** @param {string} role @param {string} label @param {() => void} act */
  const item = (role, label, act) => {
    const entry = button('', label, () => {
      menu.hidePopover();
      act();
    });
    entry.role = role;
    entry.tabIndex = -1;
    return entry;
  };
  const items = ALERT_LEVELS.map((level) => {
    const entry = item('menuitemradio', more(`alerts_${level}`), () => {
      chosen(level);
      opener.focus();
    });
    entry.ariaChecked = String(level === room.alerts);
    return entry;
  });
  if (!isOn('sound') && !isOn('notify')) items.push(item('menuitem', more('alertsOff'), () => openSettings()));
  const heading = make('p', 'note', more('notifyMe'));
  // The menu has a name of its own.
  heading.ariaHidden = 'true';
  menu.append(heading, ...items);
  menu.addEventListener('keydown', (event) => moveBy(event, items));
  menu.addEventListener('toggle', (event) => {
    opener.ariaExpanded = String(event.newState === 'open');
    if (event.newState !== 'open') menu.remove();
  });
  opener.after(menu);
  menu.showPopover();
  place(menu, opener);
  (items.find(({ ariaChecked }) => ariaChecked === 'true') ?? items[0])?.focus({ preventScroll: true });
}

function openSettings() {
  document.getElementById('open-settings')?.click();
}

/** @param {KeyboardEvent} event @param {HTMLElement[]} items */
function moveBy(event, items) {
  // Elsewhere, letters go to the message box, and Escape closes the drawer.
  event.stopPropagation();
  const at = items.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  if (event.key === 'Tab') /** @type {HTMLElement} */ (event.currentTarget).hidePopover();
  if (to === undefined) return;
  event.preventDefault();
  items.at(to % items.length)?.focus();
}

/** Below its button, within the window. @param {HTMLElement} menu @param {HTMLElement} opener */
function place(menu, opener) {
  const { right, bottom, top } = opener.getBoundingClientRect();
  const fitsBelow = bottom + menu.offsetHeight + EDGE_PX <= innerHeight;
  menu.style.left = `${Math.max(EDGE_PX, Math.min(right - menu.offsetWidth, innerWidth - menu.offsetWidth - EDGE_PX))}px`;
  menu.style.top = `${fitsBelow ? bottom : Math.max(EDGE_PX, top - menu.offsetHeight)}px`;
}
