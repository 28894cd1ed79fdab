// Opens the search, which is loaded when it is first used (later/search_panel.js).

import { isComposing } from './composer.js';
import { byId } from './dom.js';
import { loaded } from './on_demand.js';
import { styled } from './styled.js';

/** @typedef {import('../server/protocol.js').Message} Message */

export class Search {
  #opener = byId('open-search');
  #view;
  #rooms;
  /** @type {import('../later/search_panel.js').SearchPanel | null} */
  #panel = null;

  /** @param {import('./room_view.js').RoomView} view @param {import('../state/rooms.js').Rooms} rooms */
  constructor(view, rooms) {
    this.#view = view;
    this.#rooms = rooms;
    this.#opener.addEventListener('click', () => (this.#panel?.isOpen ? this.#panel.close() : void this.open()));
    // It is there when the button is pressed, mostly.
    for (const type of ['pointerenter', 'focus']) this.#opener.addEventListener(type, () => void load().catch(() => {}), { once: true });
    // Before the buttons of messages, from which Escape leads to the message box.
    addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || isComposing(event) || !this.#panel?.isOpen) return;
      // In other fields, it closes something else.
      const at = /** @type {Element} */ (event.target);
      if (at.closest('footer, .drawer, .menu') || document.querySelector('dialog[open], :popover-open')) return;
      event.stopPropagation();
      this.#panel.close();
    }, { capture: true });
  }

  /** @param {string} [query] */
  async open(query = '') {
    const room = this.#rooms.open;
    const module = await loaded(load());
    if (!module) return;
    // Meanwhile the reader may have opened another room.
    if (room !== this.#rooms.open) return;
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
    if (message.room === this.#rooms.open) this.#panel?.add(message);
  }

  /** A message was edited or deleted. @param {Message} message */
  change(message) {
    if (message.room === this.#rooms.open) this.#panel?.change(message);
  }
}

const load = () => styled(import('../later/search_panel.js'));
