// What the message box is for, besides a new message: an answer to a message, or an
// edit of one's own. A bar above the box says so; Escape cancels.

import { isComposing } from '../view/composer.js';
import { button, byId, make } from '../view/dom.js';
import { more } from '../words/more_words.js';
import { announce } from '../view/notice.js';
import { quoteOf } from '../view/rows.js';
import { isolated } from '../words/language.js';

/**
 * @typedef {import('../server/protocol.js').Message} Message
 * @typedef {import('../view/composer.js').Composer} Composer
 * @typedef {{kind: 'answer', message: Message} | {kind: 'edit', id: string, save: (text: string) => void}} Purpose
 *   `save`: makes the edit; `id`: of the edited message, or of its letter
 */

export class Intent {
  #composer;
  #bar = make('div');
  #words = make('p');
  /** @type {Purpose | null} */
  #purpose = null;

  /** @param {Composer} composer */
  constructor(composer) {
    this.#composer = composer;
    this.#bar.id = 'intent';
    this.#words.id = 'intent-words';
    const cancel = button('icon', '×', () => {
      this.cancel();
      composer.focus();
    });
    cancel.ariaLabel = cancel.title = more('cancel');
    this.#bar.append(this.#words, cancel);
    this.#bar.hidden = true;
    byId('composer').prepend(this.#bar);
    byId('message').setAttribute('aria-describedby', `${byId('message').getAttribute('aria-describedby')} intent-words`);
    byId('composer').addEventListener('keydown', (event) => {
      // Escape closes a list of completions first.
      if (event.key !== 'Escape' || event.defaultPrevented || isComposing(event) || !this.#purpose) return;
      event.preventDefault();
      this.cancel();
      composer.focus();
    });
  }

  /** @param {Message} message */
  answer(message) {
    this.cancel();
    this.#purpose = { kind: 'answer', message };
    this.#show(more('replyingTo', { name: isolated(message.name) }), quoteOf(message).text);
    this.#composer.focus();
  }

  /** @param {string} id @param {string} text @param {(text: string) => void} save */
  edit(id, text, save) {
    this.cancel();
    this.#purpose = { kind: 'edit', id, save };
    this.#show(more('editing'), '');
    this.#composer.beginEdit(text);
  }

  /** Without an id, whatever it is. @param {string} [id] of the message that is gone */
  cancel(id) {
    const purpose = this.#purpose;
    if (!purpose || id && id !== (purpose.kind === 'edit' ? purpose.id : purpose.message.id)) return;
    this.#close();
    this.#composer.endEdit();
  }

  /** An answer to a message that is deleted meanwhile becomes a message of its own: its quote must go. @param {(id: string) => Message | undefined} find */
  check(find) {
    const purpose = this.#purpose;
    if (purpose?.kind !== 'answer' || !find(purpose.message.id)?.deleted) return;
    this.#close();
    announce(more('gone'));
  }

  /** Saves an edit. @param {string} text @returns {boolean} whether it is one; the box closes it */
  save(text) {
    const purpose = this.#purpose;
    if (purpose?.kind !== 'edit') return false;
    this.#close();
    purpose.save(text);
    return true;
  }

  /** The message that the sent text answers. @returns {string | undefined} */
  takeAnswered() {
    const purpose = this.#purpose;
    if (purpose?.kind !== 'answer') return undefined;
    this.#close();
    return purpose.message.id;
  }

  /** @param {string} words @param {string} quote */
  #show(words, quote) {
    const text = make('span', 'answered-text', quote);
    text.dir = 'auto';
    this.#words.replaceChildren(make('strong', '', words), ...quote ? [' ', text] : []);
    this.#bar.hidden = false;
    announce(words);
  }

  #close() {
    this.#purpose = null;
    this.#bar.hidden = true;
    this.#words.replaceChildren();
  }
}
