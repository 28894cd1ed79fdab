// The list of what can be completed in the message box. offers.js says what that is.

import { byId, make } from '../view/dom.js';
import { translate } from '../words/language.js';
import { offerAt } from './offers.js';

export class Completion {
  #box;
  #list = byId('completion');
  #names;
  /** @type {import('./offers.js').Offer | null} */
  #offer = null;
  /** The selected option; -1: none. */
  #at = -1;

  /** @param {HTMLTextAreaElement} box @param {() => string[]} names of the members */
  constructor(box, names) {
    this.#box = box;
    this.#names = names;
    this.#list.addEventListener('pointerdown', (event) => {
      // The box keeps the focus.
      event.preventDefault();
    });
    this.#list.addEventListener('click', (event) => {
      const option = /** @type {Element} */ (event.target).closest('li');
      if (option) this.#take([...this.#list.children].indexOf(option));
    });
    box.addEventListener('blur', () => this.close());
  }

  /** The text has changed. */
  update() {
    const { value, selectionStart, selectionEnd } = this.#box;
    const offer = selectionStart === selectionEnd ? offerAt(value.slice(0, selectionStart), this.#names) : null;
    this.#offer = offer && offer.options.length > 0 ? offer : null;
    this.#show(this.#offer?.isSure ? 0 : -1);
  }

  close() {
    this.#offer = null;
    this.#show(-1);
  }

  /** @param {KeyboardEvent} event @returns {boolean} whether the key was handled */
  key(event) {
    const offer = this.#offer;
    if (!offer || event.ctrlKey || event.metaKey || event.altKey) return false;
    const { length } = offer.options;
    const isSame = this.#at < 0 || offer.options[this.#at]?.isExact === true;
    switch (event.key) {
      case 'ArrowDown': this.#show((this.#at + 1) % length); return true;
      case 'ArrowUp': this.#show((Math.max(this.#at, 0) + length - 1) % length); return true;
      case 'Tab': if (event.shiftKey) return false; this.#take(Math.max(this.#at, 0)); return true;
      // A command that was typed to its end is run.
      case 'Enter': if (event.shiftKey || isSame) return this.close(), false; this.#take(this.#at); return true;
      case 'Escape': this.close(); return true;
      default: return false;
    }
  }

  /** @param {number} index */
  #take(index) {
    const option = this.#offer?.options[index];
    if (!this.#offer || !option) return;
    const to = this.#box.selectionStart;
    this.#box.setRangeText(option.text, to - this.#offer.length, to, 'end');
    this.#box.dispatchEvent(new Event('input'));
    this.close();
  }

  /** @param {number} at */
  #show(at) {
    this.#at = at;
    const options = this.#offer?.options ?? [];
    this.#list.hidden = options.length === 0;
    this.#list.ariaLabel = translate('suggestions');
    this.#list.replaceChildren(...options.map(({ content }, index) => {
      const option = make('li', '', ...content);
      option.id = `completion-${index}`;
      option.role = 'option';
      option.ariaSelected = String(index === at);
      return option;
    }));
    if (at >= 0) this.#box.setAttribute('aria-activedescendant', `completion-${at}`);
    else this.#box.removeAttribute('aria-activedescendant');
    this.#list.children[at]?.scrollIntoView({ block: 'nearest' });
  }
}
