// A list of options below a text field, which keeps the focus: arrows select an
// option, and a click takes it.

import { make } from '../view/dom.js';

export class OptionList {
  #field;
  #list;
  /** The selected option; -1: none. */
  at = -1;

  /** @param {HTMLElement} field @param {HTMLElement} list with an id @param {(index: number) => void} take an option was clicked */
  constructor(field, list, take) {
    this.#field = field;
    this.#list = list;
    list.role = 'listbox';
    field.setAttribute('aria-controls', list.id);
    field.setAttribute('aria-autocomplete', 'list');
    // The field keeps the focus.
    list.addEventListener('pointerdown', (event) => event.preventDefault());
    list.addEventListener('click', (event) => {
      const option = /** @type {Element} */ (event.target).closest('li');
      if (option) take([...list.children].indexOf(option));
    });
  }

  /** @param {(Node | string)[][]} options their content; none hide the list @param {number} at the selected one */
  show(options, at) {
    this.#list.hidden = options.length === 0;
    this.#list.replaceChildren(...options.map((content, index) => {
      const option = make('li', '', ...content);
      option.id = `${this.#list.id}-${index}`;
      option.role = 'option';
      return option;
    }));
    this.#select(options.length > 0 ? at : -1);
  }

  /** Selects the next or previous option, after the last one the first. @param {string} key @returns {boolean} whether it is a key for that */
  move(key) {
    const { length } = this.#list.children;
    if (length === 0 || key !== 'ArrowDown' && key !== 'ArrowUp') return false;
    this.#select(key === 'ArrowDown' ? (this.at + 1) % length : (Math.max(this.at, 0) + length - 1) % length);
    return true;
  }

  /** @param {number} at */
  #select(at) {
    this.at = at;
    for (const [index, option] of [...this.#list.children].entries()) option.ariaSelected = String(index === at);
    const selected = this.#list.children[at];
    if (selected) this.#field.setAttribute('aria-activedescendant', selected.id);
    else this.#field.removeAttribute('aria-activedescendant');
    selected?.scrollIntoView({ block: 'nearest' });
  }
}
