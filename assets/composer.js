// Where people write: the name and the text.

import { memory } from './memory.js';

const byId = (id) => document.getElementById(id);

/** Whether a key belongs to an input method. Safari ends the composition before the key, hence 229. */
const isComposing = (event) => event.isComposing || event.keyCode === 229;

/** Name and text. */
export class Composer {
  #name = byId('name');
  #message = byId('message');
  #hint = byId('hint');
  #on;
  /** Where there is only a touch keyboard, Enter is for the next line. */
  #touch = matchMedia('(pointer: coarse) and (not (any-pointer: fine))');

  /** @param {{named(name: string): void, said(text: string): void}} on */
  constructor(on) {
    this.#on = on;
    this.#name.value = memory.get('name') ?? '';
    this.#name.addEventListener('input', () => this.hint(''));
    this.#name.addEventListener('change', () => this.#on.named(this.name));
    this.#message.addEventListener('input', () => this.#grow());
    this.#message.addEventListener('keydown', (event) => this.#key(event));
    byId('composer').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#message.enterKeyHint = this.#touch.matches ? 'enter' : 'send';
    // On a phone a focus would open the keyboard over the page.
    if (!this.#touch.matches) this.#firstEmpty().focus();
  }

  get name() {
    return this.#name.value.trim();
  }

  /** Takes back a text, before what has been typed since. */
  edit(text) {
    const typed = this.#message.value;
    this.#message.value = typed ? `${text}\n${typed}` : text;
    this.#grow();
    this.#message.focus();
  }

  /** Says what is wrong with the name; nothing, if it may be right. */
  hint(text) {
    this.#hint.textContent = text;
    this.#hint.hidden = !text;
    this.#name.setAttribute('aria-invalid', String(Boolean(text)));
  }

  #firstEmpty() {
    return this.name ? this.#message : this.#name;
  }

  #key(event) {
    if (event.key !== 'Enter' || event.shiftKey || isComposing(event)) return;
    if (this.#touch.matches && !event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    this.#submit();
  }

  #submit() {
    if (!this.name) {
      this.hint('Choose a name first.');
      this.#name.focus();
      return;
    }
    this.#on.named(this.name);
    this.#message.focus();
    const text = this.#message.value;
    if (!text.trim()) return;
    this.#message.value = '';
    this.#grow();
    this.#on.said(text);
  }

  /** For browsers that can't size a field by its content in CSS. */
  #grow() {
    this.#message.rows = Math.min(6, this.#message.value.split('\n').length);
  }
}
