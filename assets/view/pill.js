// The button to the newest message, with the number of new ones below.

import { byId } from './dom.js';
import { translate } from '../words/language.js';

export class Pill {
  #button = byId('pill');

  /** @param {() => void} clicked */
  constructor(clicked) {
    this.#button.addEventListener('click', clicked);
  }

  /** @param {boolean} isShown @param {number} below new messages below the visible part */
  show(isShown, below) {
    this.#button.hidden = !isShown;
    this.#button.textContent = below > 0 ? translate('newestOnes', { n: below }) : translate('toNewest');
    this.#button.classList.toggle('news', below > 0);
  }
}
