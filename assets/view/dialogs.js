// Dialogs and drawers: opening, closing and focus.

import { byId } from './dom.js';

/** @param {string} id */
export const closeDialog = (id) => /** @type {HTMLDialogElement} */ (byId(id)).close();

/** The lists beside the log. */
export class Drawers {
  #all = [
    new Drawer('rooms', 'open-rooms', '(min-width: 52rem)'),
    new Drawer('people', 'open-people', '(min-width: 72rem)'),
  ];

  close() {
    this.#all.forEach((drawer) => drawer.close());
  }
}

/** A side list: beside the log on wide screens, over it on narrow ones. */
class Drawer {
  #panel;
  #opener;
  #wide;

  /** @param {string} panel @param {string} opener @param {string} wide media query of the screens where it is always open */
  constructor(panel, opener, wide) {
    this.#panel = byId(panel);
    this.#opener = byId(opener);
    this.#wide = matchMedia(wide);
    this.#opener.addEventListener('click', () => (this.#isOpen ? this.close() : this.#open()));
    this.#wide.addEventListener('change', () => this.#set(false));
    document.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.close();
    });
    byId('shade').addEventListener('click', () => this.close());
    this.#set(false);
  }

  close() {
    if (!this.#isOpen) return;
    const hadFocus = this.#panel.contains(document.activeElement);
    this.#set(false);
    if (hadFocus) this.#opener.focus();
  }

  get #isOpen() {
    return this.#panel.classList.contains('open');
  }

  #open() {
    this.#set(true);
    /** @type {HTMLElement | null} */ (this.#panel.querySelector('[aria-current], button, a'))?.focus();
  }

  /** @param {boolean} open */
  #set(open) {
    this.#panel.classList.toggle('open', open);
    this.#panel.inert = !open && !this.#wide.matches;
    this.#opener.ariaExpanded = String(open);
    byId('shade').hidden = !document.querySelector('.drawer.open');
  }
}
