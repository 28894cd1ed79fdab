// Where people write.

import { Completion } from './completion.js';
import { byId } from './dom.js';
import { say } from './language.js';
import { memory } from './memory.js';
import { announce } from './notice.js';
import { bytesOf, readText } from './protocol.js';
import { isVisible } from './visible.js';

/** The counter shows when less than this part of the limit is left. */
const NEAR = 0.2;
const MAX_RECALLED = 50;
const MAX_ROWS = 8;

/** Whether a key belongs to an input method. Safari ends the composition before the key, hence 229. @param {KeyboardEvent} event */
export const isComposing = (event) => event.isComposing || event.keyCode === 229;

/** Where there is only a touch keyboard, Enter is for the next line, and a focus would cover the page. */
export const onlyTouch = () => matchMedia('(pointer: coarse) and (not (any-pointer: fine))').matches;

/**
 * @typedef {{said(text: string): boolean, names(): string[], turn(pages: number): void, toNewest(): void}} On
 *   `said` says whether the text was taken
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

  /** @param {number} maxBytes of a message @param {On} on */
  constructor(maxBytes, on) {
    this.#on = on;
    this.#maxBytes = maxBytes;
    this.#completion = new Completion(this.#box, on.names);
    this.#box.addEventListener('input', () => this.#changed());
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
    this.#set(memory.get(`draft.${room}`, ''));
    this.name();
  }

  /** Says in which room it writes, in the language of the page. */
  name() {
    this.#box.placeholder = say('say', { room: this.#room });
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
    if (this.#over(text) > 0) return announce(say('bytesOver', { n: this.#over(text) }));
    const room = this.#room;
    if (!this.#on.said(text)) return;
    if (this.#sent.at(-1) !== text) this.#sent.push(text);
    this.#sent = this.#sent.slice(-MAX_RECALLED);
    // It may have led to another room, whose draft is in the box by now.
    if (room !== this.#room) return memory.set(`draft.${room}`, null);
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
    this.#box.value = text;
    this.#changed();
    this.#completion.close();
  }

  #changed() {
    const { value } = this.#box;
    this.#recalled = 0;
    memory.set(`draft.${this.#room}`, value || null);
    // For browsers that can't size a field by its content in CSS.
    this.#box.rows = Math.min(MAX_ROWS, value.split('\n').length);
    this.hint('');
    this.#count();
    this.#completion.update();
  }

  /** @param {string} text */
  #over(text) {
    return bytesOf(text) - this.#maxBytes;
  }

  #count() {
    const over = this.#over(this.#box.value);
    this.#counter.hidden = over < -this.#maxBytes * NEAR;
    this.#counter.classList.toggle('over', over > 0);
    this.#counter.textContent = over > 0 ? say('bytesOver', { n: over }) : say('bytesLeft', { n: -over });
  }
}
