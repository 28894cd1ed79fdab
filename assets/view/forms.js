// Forms with one field and its hint.

import { byId } from './dom.js';

/** Shows what is wrong with a field; empty for nothing. @param {string} hint @param {string} text */
export function complainIn(hint, text) {
  byId(hint).textContent = text;
  byId(hint).hidden = !text;
}

/**
 * A form with one field, which is cleared after its value was accepted.
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
