// The menu of a message's actions, and on touch screens a sheet at the bottom.

import { button, byId, make } from '../view/dom.js';

/** @typedef {{label: string, act: () => void, isHarmful?: boolean}} Item */

/** Between a popover and the edge of the window, in pixels. */
const EDGE_PX = 8;

/** A menu below its button. @param {HTMLElement} opener @param {Item[]} items */
export function showMenu(opener, items) {
  const buttons = items.map(({ label, act, isHarmful }) => {
    const item = button(isHarmful ? 'bad' : '', label, () => {
      menu.hidePopover();
      act();
    });
    item.role = 'menuitem';
    return item;
  });
  const menu = make('div', 'menu', ...buttons);
  menu.role = 'menu';
  menu.addEventListener('keydown', (event) => {
    const at = buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (event.key === 'Tab') menu.hidePopover();
    if (to === undefined) return;
    event.preventDefault();
    buttons.at(to % buttons.length)?.focus();
  });
  openBelow(opener, menu);
  buttons[0]?.focus({ preventScroll: true });
}

/** Opens a popover below its button. It is closed by Escape, a click elsewhere or a scroll. @param {HTMLElement} opener @param {HTMLElement} content */
export function openBelow(opener, content) {
  content.popover = 'auto';
  // Elsewhere, letters go to the message box.
  content.addEventListener('keydown', (event) => event.stopPropagation());
  const hide = () => content.hidePopover();
  content.addEventListener('toggle', (event) => {
    opener.ariaExpanded = String(event.newState === 'open');
    if (event.newState === 'open') return;
    byId('scroller').removeEventListener('scroll', hide);
    content.remove();
  });
  document.querySelector('main')?.append(content);
  content.showPopover();
  const { right, bottom } = opener.getBoundingClientRect();
  content.style.left = `${Math.max(EDGE_PX, right - content.offsetWidth)}px`;
  content.style.top = `${Math.max(EDGE_PX, Math.min(bottom, innerHeight - content.offsetHeight - EDGE_PX))}px`;
  byId('scroller').addEventListener('scroll', hide, { once: true });
}

/** A sheet from the bottom of the screen. @param {string} label @param {Node[]} content @param {Item[]} items */
export function showSheet(label, content, items) {
  const buttons = items.map(({ label, act, isHarmful }) => button(isHarmful ? 'bad' : '', label, () => {
    sheet.close();
    act();
  }));
  const sheet = make('dialog', 'sheet', ...content, ...buttons);
  sheet.ariaLabel = label;
  sheet.addEventListener('click', ({ target }) => {
    if (target === sheet) sheet.close();
  });
  sheet.addEventListener('close', () => sheet.remove());
  document.body.append(sheet);
  sheet.showModal();
  return sheet;
}
