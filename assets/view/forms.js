// Forms with one field and its hint.

import { readName } from '../server/input.js';
import { byId } from './dom.js';
import { styled } from './styled.js';

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

/**
 * A form that asks for a name. Of a name that somebody else has, it offers another one first.
 * @param {string} form @param {string} field @param {string} hint
 * @param {{refusalOf(name: string): string, isTaken(name: string): boolean, take(name: string): void}} on
 *   `refusalOf`: why a name can't be chosen; empty if it can
 */
export function onName(form, field, hint, on) {
  const input = /** @type {HTMLInputElement} */ (byId(field));
  const take = (/** @type {string} */ name) => {
    input.value = '';
    complainIn(hint, '');
    on.take(name);
  };
  onSubmit(form, field, hint, (typed, complain) => {
    const name = readName(typed);
    const refusal = on.refusalOf(name);
    if (refusal) complain(refusal);
    else if (on.isTaken(name)) void offerOther(name);
    else take(name);
    return false;
  });
  /** @param {string} name that somebody has */
  async function offerOther(name) {
    const module = await styled(import('../later/taken_name.js')).catch(() => null);
    if (!module) return take(name);
    if (readName(input.value) === name) module.offerName(byId(hint), name, on.isTaken, take);
  }
}
