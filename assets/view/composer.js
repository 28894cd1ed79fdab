// The message box: keys, drafts, paste and drop, the size limit.

import { byId } from './dom.js';
import { OnDemand } from './on_demand.js';
import { styled } from './styled.js';
import { drafts } from '../state/drafts.js';
import { me } from '../state/me.js';
import { translate } from '../words/language.js';
import { announce, notice } from './notice.js';
import { bytesOf, cleanText, readText } from '../server/input.js';
import { isVisible } from '../server/visible.js';

/** The counter is shown when less than this part of the limit is left. */
const NEAR = 0.2;

/** Whether a key belongs to an input method. Safari ends the composition before the key, hence 229. @param {KeyboardEvent} event */
export const isComposing = (event) => event.isComposing || event.keyCode === 229;

/** With only a touch keyboard, Enter inserts a line break, and a focus would cover the page. */
export const onlyTouch = () => matchMedia('(pointer: coarse) and (not (any-pointer: fine))').matches;

/**
 * @typedef {{send(text: string, isAgain: boolean): boolean, names(): string[], turn(pages: number): void, toNewest(): void, editLast(): boolean}} On
 *   `send` returns whether the text was accepted; `isAgain`: sent again, unchanged, after it was rejected;
 *   `editLast`: the last own message; whether there is one
 */

export class Composer {
  #box = /** @type {HTMLTextAreaElement} */ (byId('message'));
  #hint = byId('hint');
  #counter = byId('counter');
  #on;
  #maxBytes;
  /** Loaded with the first character that may begin something. */
  #completion = new OnDemand(async () => {
    const { Completion } = await styled(import('../later/completion.js'));
    return new Completion(this.#box, this.#on.names);
  });
  #room = '';
  /** The draft while a message is edited in its place. @type {string | null} */
  #kept = null;
  /** The text that was rejected last. */
  #refused = '';

  /** @param {number} maxBytes of a message @param {On} on */
  constructor(maxBytes, on) {
    this.#on = on;
    this.#maxBytes = maxBytes;
    this.#box.addEventListener('input', (event) => this.#typed(event));
    this.#box.addEventListener('compositionend', () => this.#typed());
    this.#box.addEventListener('paste', (event) => {
      const types = event.clipboardData?.types ?? [];
      if (!types.includes('Files') || types.includes('text/plain')) return;
      event.preventDefault();
      notice(translate('textOnly'));
    });
    // The height changes with the width, and is 0 while the box is hidden.
    let width = 0;
    new ResizeObserver(() => {
      if (this.#box.offsetWidth !== width) requestAnimationFrame(() => this.#fit());
      width = this.#box.offsetWidth;
    }).observe(this.#box);
    watchDrops();
    this.#box.addEventListener('keydown', (event) => this.#key(event));
    byId('composer').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#box.enterKeyHint = onlyTouch() ? 'enter' : 'send';
  }

  /** @param {string} room */
  open(room) {
    this.#room = room;
    this.#set(drafts.get(room));
    this.name();
  }

  /** Sets the placeholder, with the room, in the language of the page. */
  name() {
    this.#box.placeholder = translate('say', { room: this.#room });
    this.#count();
  }

  /** Also the field for the first name, which is in the place of the box. */
  focus() {
    (me.name ? this.#box : byId('name')).focus();
  }

  /** Puts a text back into the box, before the current text. @param {string} text */
  edit(text) {
    const typed = this.#box.value;
    this.#set(typed ? `${text}\n${typed}` : text);
    this.focus();
  }

  /** Edits a message in the place of the draft. @param {string} text */
  beginEdit(text) {
    this.#kept ??= this.#box.value;
    this.#set(text);
    this.focus();
  }

  /** The draft is in its place again. */
  endEdit() {
    const kept = this.#kept;
    this.#kept = null;
    if (kept !== null) this.#set(kept);
  }

  /** Inserts a mention at the cursor. @param {string} name */
  mention(name) {
    this.focus();
    this.#box.setRangeText(`@${name} `, this.#box.selectionStart, this.#box.selectionEnd, 'end');
    this.#changed();
  }

  /** Shows what is wrong with the text; empty for nothing. @param {string} text */
  hint(text) {
    this.#hint.textContent = text;
    this.#hint.hidden = !text;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (isComposing(event)) return;
    if (this.#completion.part?.key(event)) return event.preventDefault();
    const isPlain = !event.shiftKey && !event.altKey;
    const isEmpty = this.#box.value === '';
    if (event.key === 'Enter' && isPlain && (!onlyTouch() || event.ctrlKey || event.metaKey)) this.#submit();
    else if (event.key === 'ArrowUp' && isPlain && isEmpty && this.#kept === null && this.#on.editLast()) event.stopPropagation();
    else if (event.key === 'PageUp') this.#on.turn(-1);
    else if (event.key === 'PageDown') this.#on.turn(1);
    else if (event.key === 'End' && isEmpty) this.#on.toNewest();
    else return;
    event.preventDefault();
  }

  #submit() {
    const text = readText(this.#box.value);
    if (!isVisible(text)) return this.#box.focus();
    // The counter shows it; this announces it to screen readers.
    if (this.#over(text) > 0) return announce(translate('bytesOver', { n: this.#over(text) }));
    const room = this.#room;
    if (!this.#on.send(text, text === this.#refused)) {
      this.#refused = text;
      return;
    }
    // A command may have opened another room, whose draft is in the box now.
    if (room !== this.#room) return drafts.set(room, '');
    this.#set(this.#kept ?? '');
    this.#kept = null;
    this.#box.focus();
  }

  /** @param {string} text */
  #set(text) {
    this.#box.value = cleanText(text);
    this.#changed();
    this.#completion.part?.close();
  }

  /** Removes characters that the server refuses, after the end of a composition. @param {Event} [event] */
  #typed(event) {
    const { value, selectionEnd } = this.#box;
    const clean = cleanText(value);
    if (clean !== value && !(event instanceof InputEvent && event.isComposing)) {
      const at = cleanText(value.slice(0, selectionEnd)).length;
      this.#box.value = clean;
      this.#box.setSelectionRange(at, at);
    }
    this.#changed();
    // What is composed is not there yet.
    if (event instanceof InputEvent && event.isComposing) this.#completion.part?.close();
  }

  #changed() {
    const { value } = this.#box;
    this.#refused = '';
    if (this.#kept === null) drafts.set(this.#room, value);
    this.#fit();
    this.hint('');
    this.#count();
    if (this.#completion.part) this.#completion.part.update();
    else if (/[@:：]|^\//.test(value)) void this.#completion.use((completion) => completion.update());
  }

  /** Fits the height of the box to its text, where CSS can not (field-sizing). */
  #fit() {
    if (CSS.supports('field-sizing', 'content')) return;
    const { style } = this.#box;
    style.height = 'auto';
    style.height = `${this.#box.scrollHeight + this.#box.offsetHeight - this.#box.clientHeight}px`;
  }

  /** @param {string} text */
  #over(text) {
    return bytesOf(text) - this.#maxBytes;
  }

  #count() {
    const over = this.#over(this.#box.value);
    this.#counter.hidden = over < -this.#maxBytes * NEAR;
    this.#counter.classList.toggle('over', over > 0);
    this.#counter.textContent = over > 0 ? translate('bytesOver', { n: over }) : translate('bytesLeft', { n: -over });
  }
}

/** Without this, a browser navigates to a dropped file, picture or link. */
function watchDrops() {
  for (const type of /** @type {const} */ (['dragover', 'drop'])) {
    addEventListener(type, (event) => {
      const isFile = event.dataTransfer?.types.includes('Files') ?? false;
      const isWriting = event.target instanceof Element && event.target.closest('input, textarea');
      if (isWriting && !isFile) return;
      event.preventDefault();
      // Without a drop effect there is no drop event.
      if (event.dataTransfer) event.dataTransfer.dropEffect = isFile ? 'copy' : 'none';
      if (isFile && type === 'drop') notice(translate('textOnly'));
    });
  }
}
