// Finds messages among those on the page.

import { byId } from './dom.js';
import { say } from './language.js';

export class Search {
  #bar = byId('search-bar');
  #field = /** @type {HTMLInputElement} */ (byId('search'));
  #opener = byId('open-search');
  #isFiltered = false;

  constructor() {
    this.#opener.addEventListener('click', () => (this.#bar.hidden ? this.#open() : this.close()));
    this.#field.addEventListener('input', () => this.apply());
    this.#bar.addEventListener('keydown', (event) => {
      if (event.key === 'Escape') this.close();
    });
    byId('close-search').addEventListener('click', () => this.close());
  }

  close() {
    if (this.#bar.hidden) return;
    this.#field.value = '';
    this.#bar.hidden = true;
    this.#opener.ariaExpanded = 'false';
    this.#opener.focus();
    this.apply();
  }

  /** Shows only what is searched for, also among rows that have just come. */
  apply() {
    const wanted = this.#field.value.normalize('NFC').toLowerCase();
    if (wanted === '' && !this.#isFiltered) return;
    this.#isFiltered = wanted !== '';
    byId('log').classList.toggle('found', this.#isFiltered);
    const rows = [...byId('log').children].map((row) => /** @type {HTMLElement} */ (row));
    let [all, found] = [0, 0];
    for (const row of rows) {
      const isMessage = row.classList.contains('message');
      const isFound = isMessage && [...row.querySelectorAll('bdi, .text')]
        .some(({ textContent }) => textContent?.normalize('NFC').toLowerCase().includes(wanted));
      all += Number(isMessage);
      found += Number(isFound);
      row.hidden = wanted !== '' && !isFound;
    }
    byId('found').textContent = wanted ? say('found', { n: found, all }) : '';
  }

  #open() {
    this.#bar.hidden = false;
    this.#opener.ariaExpanded = 'true';
    this.#field.focus();
  }
}
