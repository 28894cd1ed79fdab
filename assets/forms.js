// Forms with one field, and what is said about it.

import { byId } from './dom.js';

/** Says what is wrong with a field; nothing, if it may be right. @param {string} hint @param {string} text */
export function complainIn(hint, text) {
  byId(hint).textContent = text;
  byId(hint).hidden = !text;
}

/**
 * A form with one field. It is emptied when what was typed has been taken.
 * @param {string} form @param {string} field @param {string} hint
 * @param {(typed: string, complain: (text: string) => void) => boolean} submitted
 */
export function onSubmit(form, field, hint, submitted) {
  const input = /** @type {HTMLInputElement} */ (byId(field));
  const complain = (/** @type {string} */ text) => {
    complainIn(hint, text);
    input.ariaInvalid = String(text !== '');
    if (text) input.focus();
  };
  input.addEventListener('input', () => complain(''));
  byId(form).addEventListener('submit', (event) => {
    event.preventDefault();
    if (submitted(input.value, complain)) input.value = '';
  });
}
