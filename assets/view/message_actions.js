// The actions of messages: buttons in their rows, and keys between them. There is one
// stop of the Tab key for all messages. What the actions do, and a long press, is in
// later/, which is loaded with the first use of a message.

import { byId } from './dom.js';
import { translate } from '../words/language.js';
import { notice } from './notice.js';
import { OnDemand } from './on_demand.js';
import { rowAt } from './rows.js';
import { styled } from './styled.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {import('../state/letters.js').Entry} Entry
 * @typedef {import('./composer.js').Composer} Composer
 * @typedef {{rooms: import('../state/rooms.js').Rooms, view: import('./room_view.js').RoomView, outbox: import('../state/outbox.js').Outbox,
 *            access: import('./access.js').Access, composer: Composer, changed(message: Message): void}} Parts
 *   `changed`: a message was deleted by a moderator
 */

export class MessageActions {
  #log = byId('log');
  #parts;
  #actions = new OnDemand(async () => {
    const { Actions } = await styled(import('../later/actions.js'));
    return new Actions(this.#parts, (row) => this.#messageAt(row));
  });
  /** The present touch of the log. @type {PointerEvent | null} */
  #touch = null;

  /** @param {Parts} parts */
  constructor(parts) {
    this.#parts = parts;
    this.#log.addEventListener('click', (event) => void this.#clicked(event));
    this.#log.addEventListener('keydown', (event) => void this.#key(event));
    this.#log.addEventListener('focusin', ({ target }) => {
      this.keepStop();
      void this.#fill(target);
    });
    this.#log.addEventListener('pointerover', ({ target, pointerType }) => {
      if (pointerType !== 'touch') void this.#fill(target);
    });
    this.#log.addEventListener('pointerdown', (event) => {
      if (event.pointerType !== 'touch') return;
      this.#touch = event;
      // It may be over when the actions are loaded.
      void this.#actions.use((actions) => this.#touch === event && actions.longPress.begin(event));
    });
    for (const type of ['pointerup', 'pointercancel']) addEventListener(type, () => { this.#touch = null; });
  }

  /** The part that is loaded when it is used; null without the server. */
  load() {
    return this.#actions.load();
  }

  /** Edits the last own message. @returns {boolean} whether there is one */
  editLast() {
    const { rooms, view, outbox } = this.#parts;
    const last = outbox.shown(rooms.open).at(-1)
      ?? outbox.withChanges(view.findLast((message) => outbox.isOwn(message) && !outbox.withChanges(message).deleted));
    if (!last) return false;
    if ('client_id' in last && 'kind' in last) this.edit(last);
    else void this.#with((actions) => actions.edit(last));
    return true;
  }

  /** Puts a message that is on its way, or its new text, into the box. @param {Entry} entry */
  edit(entry) {
    if (entry.kind !== 'message' || entry.state !== 'failed') return void this.#with((actions) => actions.edit(entry));
    // A refused message is sent anew, after what was sent since.
    this.leave();
    this.#parts.outbox.remove(entry);
    this.#parts.composer.edit(entry.text);
  }

  /** Saves the text of the box, if it is an edit. @param {string} text @returns {boolean} whether it is */
  save(text) {
    return this.#actions.part?.intent.save(text) ?? false;
  }

  /** The id of the message that the text of the box answers. */
  takeAnswered() {
    return this.#actions.part?.intent.takeAnswered();
  }

  /** Another room is opened. */
  leave() {
    this.#actions.part?.intent.cancel();
  }

  /** A change could not be made. @param {Entry} change @param {import('../server/server.js').Failure} failure */
  dropped(change, failure) {
    void this.#with((actions) => actions.dropped(change, failure));
  }

  /** Makes the focused message's button, or the last one, the stop of the Tab key. */
  keepStop() {
    this.#actions.part?.intent.check((id) => this.#parts.view.message(id));
    let row = rowAt(document.activeElement) ?? this.#log.lastElementChild;
    while (row && !(row.matches('.message:not([hidden])') && this.#log.contains(row))) row = row.previousElementSibling;
    const stop = row?.querySelector('.more');
    for (const more of this.#log.querySelectorAll('.more[tabindex="0"]')) if (more !== stop) more.setAttribute('tabindex', '-1');
    stop?.setAttribute('tabindex', '0');
  }

  /** @param {(actions: import('../later/actions.js').Actions) => unknown} use */
  async #with(use) {
    if (!await this.#actions.use(use)) notice(translate('notNow'));
  }

  /** @param {MouseEvent} event */
  async #clicked({ target, detail }) {
    const used = /** @type {HTMLElement | null} */ (/** @type {Element} */ (target).closest('.bar button, .reactions button, .answered'));
    if (!used) return;
    if (used.matches('.answered')) return this.#parts.view.jumpTo(used.dataset.id ?? '');
    const message = this.#messageAt(used);
    if (message) await this.#with((actions) => actions.press(used, message, detail === 0));
  }

  /** Arrows between the buttons of messages. @param {KeyboardEvent} event */
  async #key(event) {
    const used = /** @type {HTMLElement} */ (event.target);
    if (!used.matches('.bar button, .reactions button, .answered') || event.ctrlKey || event.metaKey || event.altKey) return;
    if (!/^(Arrow|Home$|End$|Escape$)/.test(event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.key === 'Escape') this.#parts.composer.focus();
    else await this.#with((actions) => actions.move(used, event.key));
  }

  /** Adds the buttons of a message that is used. @param {EventTarget | null} target */
  async #fill(target) {
    const row = rowAt(target);
    const bar = row?.querySelector('.bar');
    const message = row && this.#messageAt(row);
    if (!row || !bar || !message) return;
    // Read after the name of the button.
    const text = row.querySelector('.text');
    if (text) text.id = `text-${message.id}`;
    bar.querySelector('.more')?.setAttribute('aria-describedby', `text-${message.id}`);
    if (bar.childElementCount === 1 && this.#parts.access.mayWrite(message.room)) (await this.load())?.fill(/** @type {HTMLElement} */ (bar));
  }

  /** @param {Element} element in a row */
  #messageAt(element) {
    const { view, outbox } = this.#parts;
    const message = outbox.withChanges(view.message(rowAt(element)?.id.slice('message-'.length) ?? ''));
    return message?.deleted ? undefined : message;
  }
}
