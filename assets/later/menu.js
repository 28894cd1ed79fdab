// Popovers below their buttons, and menus in them: of a message's actions, of a
// room's alerts. On touch screens, a sheet from the bottom.

import { showOnce } from './ask.js';
import { button, byId, make } from '../view/dom.js';

/**
 * @typedef {{label: string, act: () => void, isHarmful?: boolean, isChecked?: boolean}} Item
 *   `isChecked`: whether it is the chosen one; without it, the item is no choice
 */

/** Between a popover and the edge of the window, in pixels. */
const EDGE_PX = 8;

/** A menu below its button. @param {HTMLElement} opener @param {Item[]} items @param {{label: string, heading: string}} [title] `label`: for screen readers */
export function showMenu(opener, items, title) {
  const buttons = items.map(({ label, act, isHarmful, isChecked }) => {
    const item = button(isHarmful ? 'bad' : '', label, () => {
      menu.hidePopover();
      act();
    });
    item.role = isChecked === undefined ? 'menuitem' : 'menuitemradio';
    if (isChecked !== undefined) item.ariaChecked = String(isChecked);
    item.tabIndex = -1;
    return item;
  });
  const menu = make('div', 'menu', ...buttons);
  menu.role = 'menu';
  if (title) {
    const heading = make('p', 'note', title.heading);
    // The menu has a name of its own.
    heading.ariaHidden = 'true';
    menu.ariaLabel = title.label;
    menu.prepend(heading);
  }
  menu.addEventListener('keydown', (event) => {
    const at = buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (event.key === 'Tab') menu.hidePopover();
    if (to === undefined) return;
    event.preventDefault();
    buttons.at(to % buttons.length)?.focus();
  });
  openBelow(opener, menu);
  (buttons[items.findIndex(({ isChecked }) => isChecked)] ?? buttons[0])?.focus({ preventScroll: true });
}

/**
 * Opens a popover below its button, which it follows when the log scrolls, as it does by
 * itself when a message or a notice comes. It is closed by Escape, a click elsewhere, or
 * when its button is out of sight.
 * @param {HTMLElement} opener @param {HTMLElement} content
 */
export function openBelow(opener, content) {
  content.popover = 'auto';
  // Elsewhere, letters go to the message box, and Escape closes the drawer.
  content.addEventListener('keydown', (event) => event.stopPropagation());
  const scroller = byId('scroller');
  const follow = () => (isWithin(scroller, opener) ? placeBelow(opener, content) : content.hidePopover());
  content.addEventListener('toggle', (event) => {
    opener.ariaExpanded = String(event.newState === 'open');
    if (event.newState === 'open') return;
    scroller.removeEventListener('scroll', follow);
    content.remove();
  });
  opener.closest('main, .drawer')?.append(content);
  content.showPopover();
  placeBelow(opener, content);
  if (scroller.contains(opener)) scroller.addEventListener('scroll', follow);
}

/** @param {HTMLElement} opener @param {HTMLElement} content */
function placeBelow(opener, content) {
  const { right, bottom, top } = opener.getBoundingClientRect();
  const isRoom = bottom + content.offsetHeight + EDGE_PX <= innerHeight;
  content.style.left = `${Math.max(EDGE_PX, Math.min(right, innerWidth - EDGE_PX) - content.offsetWidth)}px`;
  content.style.top = `${isRoom ? bottom : Math.max(EDGE_PX, top - content.offsetHeight)}px`;
}

/** @param {HTMLElement} scroller @param {HTMLElement} element */
function isWithin(scroller, element) {
  const [all, box] = [scroller, element].map((part) => part.getBoundingClientRect());
  return element.isConnected && all !== undefined && box !== undefined && box.bottom > all.top && box.top < all.bottom;
}

/** A sheet from the bottom of the screen. @param {string} label @param {Node[]} content @param {Item[]} items */
export function showSheet(label, content, items) {
  const buttons = items.map(({ label, act, isHarmful }) => button(isHarmful ? 'bad' : '', label, () => {
    sheet.close();
    act();
  }));
  const sheet = make('dialog', 'sheet', ...content, ...buttons);
  sheet.ariaLabel = label;
  showOnce(sheet);
  return sheet;
}
