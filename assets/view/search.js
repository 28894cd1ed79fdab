// Opens the search, which is loaded when it is first used (later/search_panel.js).

import { byId } from './dom.js';
import { notice } from './notice.js';
import { translate } from '../words/language.js';

/** @typedef {import('../server/protocol.js').Message} Message */

export class Search {
  #opener = byId('open-search');
  #room;
  #view;
  /** @type {import('../later/search_panel.js').SearchPanel | null} */
  #panel = null;

  /** @param {import('./room_view.js').RoomView} view @param {() => string} room the open one */
  constructor(view, room) {
    this.#view = view;
    this.#room = room;
    this.#opener.addEventListener('click', () => (this.#panel?.isOpen ? this.#panel.close() : void this.open()));
    // It is there when the button is pressed, mostly.
    for (const type of ['pointerenter', 'focus']) this.#opener.addEventListener(type, () => void load(), { once: true });
    addEventListener('keydown', (event) => {
      const at = /** @type {Element} */ (event.target);
      // In other fields, Escape closes something else.
      const isElsewhere = at.closest('footer, .drawer, .menu') !== null || document.querySelector('dialog[open]') !== null;
      if (event.key === 'Escape' && !isElsewhere) this.#panel?.close();
    });
  }

  /** @param {string} [query] */
  async open(query = '') {
    const room = this.#room();
    const module = await load();
    if (!module) return notice(translate('notNow'));
    // Meanwhile the reader may have opened another room.
    if (room !== this.#room()) return;
    this.#panel ??= new module.SearchPanel(this.#view, () => { this.#opener.ariaExpanded = 'false'; });
    this.#opener.setAttribute('aria-controls', 'search-bar');
    this.#opener.ariaExpanded = 'true';
    this.#panel.open(room, query);
  }

  /** Ends the search, where the reader is. */
  end() {
    this.#panel?.end();
  }

  /** The reader went on from where they were before the search. */
  leavePlace() {
    this.#panel?.leavePlace();
  }

  /** @param {Message} message of the stream */
  add(message) {
    if (message.room === this.#room()) this.#panel?.add(message);
  }

  /** A message was edited or deleted. @param {Message} message */
  change(message) {
    if (message.room === this.#room()) this.#panel?.change(message);
  }
}

const load = () => import('../later/search_panel.js').catch(() => null);
