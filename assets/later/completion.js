// The list of what can be completed in the message box. offers.js says what that is.

import { offerAt } from './offers.js';
import { OptionList } from './option_list.js';
import { byId } from '../view/dom.js';
import { translate } from '../words/language.js';

export class Completion {
  #box;
  #names;
  #list = byId('completion');
  #options;
  /** @type {import('./offers.js').Offer | null} */
  #offer = null;

  /** @param {HTMLTextAreaElement} box @param {() => string[]} names of the members */
  constructor(box, names) {
    this.#box = box;
    this.#names = names;
    this.#options = new OptionList(box, this.#list, (index) => this.#take(index));
    box.addEventListener('blur', () => this.close());
  }

  /** The text has changed. */
  update() {
    const { value, selectionStart, selectionEnd } = this.#box;
    const offer = selectionStart === selectionEnd ? offerAt(value.slice(0, selectionStart), this.#names) : null;
    this.#offer = offer && offer.options.length > 0 ? offer : null;
    this.#list.ariaLabel = translate('suggestions');
    this.#options.show(this.#offer?.options.map(({ content }) => content) ?? [], this.#offer?.isSure ? 0 : -1);
  }

  close() {
    this.#offer = null;
    this.#options.show([], -1);
  }

  /** @param {KeyboardEvent} event @returns {boolean} whether the key was handled */
  key(event) {
    const { at } = this.#options;
    const offer = this.#offer;
    if (!offer || event.ctrlKey || event.metaKey || event.altKey) return false;
    if (this.#options.move(event.key)) return true;
    const isSame = at < 0 || offer.options[at]?.isExact === true;
    switch (event.key) {
      case 'Tab': if (event.shiftKey) return false; this.#take(Math.max(at, 0)); return true;
      // A command that was typed to its end is run.
      case 'Enter': if (event.shiftKey || isSame) return this.close(), false; this.#take(at); return true;
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
}
