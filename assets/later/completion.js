// Completes names after @ in the message box.

import { tint } from '../view/colour.js';
import { byId, foreign } from '../view/dom.js';

const MAX_OFFERED = 6;
/** An @ inside a word is part of an address. */
const BEGUN = /(?<![A-Za-z0-9_.])@([^\s@]{0,32})$/u;

export class Completion {
  #box;
  #list = byId('completion');
  #names;
  /** @type {string[]} */
  #offered = [];
  #at = 0;

  /** @param {HTMLTextAreaElement} box @param {() => string[]} names of the members */
  constructor(box, names) {
    this.#box = box;
    this.#names = names;
    this.#list.addEventListener('pointerdown', (event) => {
      const option = /** @type {Element} */ (event.target).closest('li');
      if (!option) return;
      event.preventDefault();
      this.#take([...this.#list.children].indexOf(option));
    });
    box.addEventListener('blur', () => this.close());
  }

  /** The text has changed. */
  update() {
    const begun = this.#begun();
    const start = begun?.normalize('NFC').toLowerCase();
    this.#offered = start === undefined ? []
      : this.#names().filter((name) => name.toLowerCase().startsWith(start) && name !== begun).slice(0, MAX_OFFERED);
    this.#show(0);
  }

  close() {
    this.#offered = [];
    this.#show(0);
  }

  /** @param {KeyboardEvent} event @returns {boolean} whether the key was handled */
  key(event) {
    const { length } = this.#offered;
    if (length === 0) return false;
    switch (event.key) {
      case 'ArrowDown': this.#show((this.#at + 1) % length); return true;
      case 'ArrowUp': this.#show((this.#at + length - 1) % length); return true;
      case 'Tab':
      case 'Enter': if (event.shiftKey) return false; this.#take(this.#at); return true;
      case 'Escape': this.close(); return true;
      default: return false;
    }
  }

  /** The text between the last @ and the cursor. */
  #begun() {
    const { value, selectionStart, selectionEnd } = this.#box;
    if (selectionStart !== selectionEnd) return undefined;
    return BEGUN.exec(value.slice(0, selectionStart))?.[1];
  }

  /** @param {number} index */
  #take(index) {
    const name = this.#offered[index];
    const begun = this.#begun();
    if (name === undefined || begun === undefined) return;
    const to = this.#box.selectionStart;
    this.#box.setRangeText(`${name} `, to - begun.length, to, 'end');
    this.#box.dispatchEvent(new Event('input'));
    this.close();
  }

  /** @param {number} at */
  #show(at) {
    this.#at = at;
    const isOpen = this.#offered.length > 0;
    this.#list.hidden = !isOpen;
    this.#list.replaceChildren(...this.#offered.map((name, index) => {
      const option = tint(foreign('li', '', name), name);
      option.id = `completion-${index}`;
      option.role = 'option';
      option.ariaSelected = String(index === at);
      return option;
    }));
    if (isOpen) this.#box.setAttribute('aria-activedescendant', `completion-${at}`);
    else this.#box.removeAttribute('aria-activedescendant');
  }
}
