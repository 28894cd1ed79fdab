// Dialogs that are made when they are opened.

import { button, foreign, make } from '../view/dom.js';
import { more } from '../words/more_words.js';

/**
 * @typedef {{title: string, text: string[], quote?: string, confirm: string, isHarmful?: boolean,
 *            choice?: {label: string, options: {value: string, label: string}[]}}} Question
 *   `quote`: text of another user
 */

/** A modal dialog that leaves the page when it is closed. @param {string} title @param {...Node} content */
export function showDialog(title, ...content) {
  const heading = make('h2', '', title);
  heading.id = 'asked-title';
  // So that screen readers start at the top.
  heading.tabIndex = -1;
  heading.autofocus = true;
  const dialog = make('dialog', '', heading, ...content);
  dialog.setAttribute('aria-labelledby', heading.id);
  showOnce(dialog);
  return dialog;
}

/** Shows a dialog until it is closed. @param {HTMLDialogElement} dialog */
export function showOnce(dialog) {
  dialog.addEventListener('click', ({ target }) => {
    if (target === dialog) dialog.close();
  });
  dialog.addEventListener('close', () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

/** @param {Question} question @returns {Promise<string | null>} the chosen value, or '' without a choice; null if it was cancelled */
export function ask({ title, text, quote, confirm, isHarmful = false, choice }) {
  return new Promise((answered) => {
    const select = make('select');
    select.append(...(choice?.options ?? []).map(({ value, label }) => {
      const option = make('option', '', label);
      option.value = value;
      return option;
    }));
    const cancel = button('quiet', more('cancel'), () => dialog.close());
    const accept = button(isHarmful ? 'main harmful' : 'main', confirm, () => {
      answered(select.value);
      dialog.close();
    });
    const dialog = showDialog(
      title,
      ...text.map((part) => make('p', '', part)),
      ...quote === undefined ? [] : [foreign('blockquote', 'quote', quote)],
      ...choice ? [make('label', 'row', make('span', '', choice.label), select)] : [],
      make('div', 'actions', cancel, accept),
    );
    // Not on the button that begins or deletes something.
    if (!choice) cancel.focus();
    // After an answer, this has no effect.
    dialog.addEventListener('close', () => answered(null));
  });
}
