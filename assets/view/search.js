// Searches the loaded messages. During a search nothing is loaded automatically, so
// that the count is stable.

import { byId } from './dom.js';
import { translate } from '../words/language.js';

export class Search {
  #bar = byId('search-bar');
  #field = /** @type {HTMLInputElement} */ (byId('search'));
  #opener = byId('open-search');
  #isFiltering = false;
  #on;

  /** @param {{begins(): void, ends(): void}} on `begins` before the first row is hidden, `ends` after the last one is back */
  constructor(on) {
    this.#on = on;
    this.#opener.addEventListener('click', () => (this.#bar.hidden ? this.#open() : this.close()));
    this.#field.addEventListener('input', () => this.apply());
    addEventListener('keydown', (event) => {
      const at = /** @type {Element} */ (event.target);
      // In other fields, Escape closes something else.
      const isElsewhere = at.closest('footer, .drawer') !== null || document.querySelector('dialog[open]') !== null;
      if (event.key === 'Escape' && !isElsewhere) this.close();
    });
    byId('close-search').addEventListener('click', () => this.close());
  }

  /** Whether only some of the messages are shown. */
  get isFiltering() {
    return this.#isFiltering;
  }

  close() {
    if (this.#bar.hidden) return;
    const hadFocus = this.#bar.contains(document.activeElement);
    this.#field.value = '';
    this.#bar.hidden = true;
    this.#opener.ariaExpanded = 'false';
    if (hadFocus) this.#opener.focus();
    this.apply();
  }

  /** Hides rows that do not match, including new ones. */
  apply() {
    const wanted = this.#field.value.normalize('NFC').toLowerCase();
    const was = this.#isFiltering;
    if (wanted === '' && !was) return;
    if (!was) this.#on.begins();
    this.#isFiltering = wanted !== '';
    byId('log').classList.toggle('found', this.#isFiltering);
    const { found, all } = hideAllBut(wanted);
    byId('found').textContent = wanted ? translate('found', { n: found, all }) : '';
    if (!this.#isFiltering) this.#on.ends();
  }

  #open() {
    this.#bar.hidden = false;
    this.#opener.ariaExpanded = 'true';
    this.#field.focus();
  }
}

/** @param {string} wanted empty to show all rows */
function hideAllBut(wanted) {
  let [all, found] = [0, 0];
  for (const row of /** @type {Iterable<HTMLElement>} */ (byId('log').children)) {
    const isMessage = row.classList.contains('message');
    const isFound = isMessage && [...row.querySelectorAll('bdi, .text')]
      .some(({ textContent }) => textContent?.normalize('NFC').toLowerCase().includes(wanted));
    all += Number(isMessage);
    found += Number(isFound);
    row.hidden = wanted !== '' && !isFound;
  }
  return { found, all };
}
