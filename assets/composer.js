// The message box: keys, drafts, what is pasted or dropped, the limit.

import { Completion } from './completion.js';
import { byId } from './dom.js';
import { drafts } from './drafts.js';
import { translate } from './language.js';
import { announce, notice } from './notice.js';
import { bytesOf, cleanText, readText } from './protocol.js';
import { isVisible } from './visible.js';

/** The counter shows when less than this part of the limit is left. */
const NEAR = 0.2;
const MAX_RECALLED = 50;

/** Whether a key belongs to an input method. Safari ends the composition before the key, hence 229. @param {KeyboardEvent} event */
export const isComposing = (event) => event.isComposing || event.keyCode === 229;

/** Where there is only a touch keyboard, Enter is for the next line, and a focus would cover the page. */
export const onlyTouch = () => matchMedia('(pointer: coarse) and (not (any-pointer: fine))').matches;

/**
 * @typedef {{send(text: string, isAgain: boolean): boolean, names(): string[], turn(pages: number): void, toNewest(): void}} On
 *   `said` says whether the text was taken; `isAgain`: it was not, and is sent unchanged
 */

export class Composer {
  #box = /** @type {HTMLTextAreaElement} */ (byId('message'));
  #hint = byId('hint');
  #counter = byId('counter');
  #on;
  #maxBytes;
  #completion;
  #room = '';
  /** @type {string[]} what was sent, newest last */
  #sent = [];
  /** Which of them stands in the box, counted from the newest; 0: none. */
  #recalled = 0;
  /** What was not taken when it was sent last. */
  #refused = '';

  /** @param {number} maxBytes of a message @param {On} on */
  constructor(maxBytes, on) {
    this.#on = on;
    this.#maxBytes = maxBytes;
    this.#completion = new Completion(this.#box, on.names);
    this.#box.addEventListener('input', (event) => this.#typed(event));
    this.#box.addEventListener('compositionend', () => this.#typed());
    this.#box.addEventListener('paste', (event) => {
      const types = event.clipboardData?.types ?? [];
      if (!types.includes('Files') || types.includes('text/plain')) return;
      event.preventDefault();
      notice(translate('textOnly'));
    });
    // The text wraps elsewhere when the box is wider, and has no height while the box is hidden.
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

  /** Says in which room it writes, in the language of the page. */
  name() {
    this.#box.placeholder = translate('say', { room: this.#room });
    this.#count();
  }

  focus() {
    this.#box.focus();
  }

  /** Takes back a text, before what has been typed since. @param {string} text */
  edit(text) {
    const typed = this.#box.value;
    this.#set(typed ? `${text}\n${typed}` : text);
    this.focus();
  }

  /** Writes something where the cursor is. @param {string} text */
  insert(text) {
    this.focus();
    this.#box.setRangeText(text, this.#box.selectionStart, this.#box.selectionEnd, 'end');
    this.#changed();
  }

  /** Says what is wrong with the text; nothing, if it may be right. @param {string} text */
  hint(text) {
    this.#hint.textContent = text;
    this.#hint.hidden = !text;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (isComposing(event)) return;
    if (this.#completion.key(event)) return event.preventDefault();
    const isPlain = !event.shiftKey && !event.altKey;
    const isEmpty = this.#box.value === '';
    if (event.key === 'Enter' && isPlain && (!onlyTouch() || event.ctrlKey || event.metaKey)) this.#submit();
    else if (event.key === 'ArrowUp' && isPlain && (isEmpty || this.#recalled > 0)) this.#recall(1);
    else if (event.key === 'ArrowDown' && isPlain && this.#recalled > 0) this.#recall(-1);
    else if (event.key === 'PageUp') this.#on.turn(-1);
    else if (event.key === 'PageDown') this.#on.turn(1);
    else if (event.key === 'End' && isEmpty) this.#on.toNewest();
    else return;
    event.preventDefault();
  }

  #submit() {
    const text = readText(this.#box.value);
    if (!isVisible(text)) return this.#box.focus();
    // The counter has shown it; here it is said aloud.
    if (this.#over(text) > 0) return announce(translate('bytesOver', { n: this.#over(text) }));
    const room = this.#room;
    if (!this.#on.send(text, text === this.#refused)) {
      this.#refused = text;
      return;
    }
    if (this.#sent.at(-1) !== text) this.#sent.push(text);
    this.#sent = this.#sent.slice(-MAX_RECALLED);
    // It may have led to another room, whose draft is in the box by now.
    if (room !== this.#room) return drafts.set(room, '');
    this.#set('');
    this.#box.focus();
  }

  /** @param {number} step */
  #recall(step) {
    const to = this.#recalled + step;
    if (to > this.#sent.length) return;
    this.#set(to > 0 ? this.#sent.at(-to) ?? '' : '');
    this.#recalled = to;
  }

  /** @param {string} text */
  #set(text) {
    this.#box.value = cleanText(text);
    this.#changed();
    this.#completion.close();
  }

  /** Whatever way it came, what the server does not take goes. An input method's text is its own until it is done. @param {Event} [event] */
  #typed(event) {
    const { value, selectionEnd } = this.#box;
    const clean = cleanText(value);
    if (clean !== value && !(event instanceof InputEvent && event.isComposing)) {
      const at = cleanText(value.slice(0, selectionEnd)).length;
      this.#box.value = clean;
      this.#box.setSelectionRange(at, at);
    }
    this.#changed();
  }

  #changed() {
    const { value } = this.#box;
    this.#recalled = 0;
    this.#refused = '';
    drafts.set(this.#room, value);
    this.#fit();
    this.hint('');
    this.#count();
    this.#completion.update();
  }

  /** Makes the box as high as its text, where the browser does not do it by CSS. */
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

/** A browser leaves the page for a file, a picture or a link that is dropped on it. */
function watchDrops() {
  for (const type of /** @type {const} */ (['dragover', 'drop'])) {
    addEventListener(type, (event) => {
      const isFile = event.dataTransfer?.types.includes('Files') ?? false;
      const isWriting = event.target instanceof Element && event.target.closest('input, textarea');
      if (isWriting && !isFile) return;
      event.preventDefault();
      // Without an effect there is no drop to say something about.
      if (event.dataTransfer) event.dataTransfer.dropEffect = isFile ? 'copy' : 'none';
      if (isFile && type === 'drop') notice(translate('textOnly'));
    });
  }
}
