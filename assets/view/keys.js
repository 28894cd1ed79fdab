// Keyboard shortcuts of the page: those with Ctrl or Alt also in text fields, none
// while a dialog is open or an input method composes.

import { isComposing } from './composer.js';

/**
 * @typedef {{help(): void, focusText(): void, jump(): void, step(by: 1 | -1, onlyUnread: boolean): void}} On
 *   `jump`: opens the switcher; `step`: goes to another room in the list
 */

export const isMac = /Mac|iPhone|iPad/.test(navigator.platform);

/** @param {On} on */
export function watchKeys(on) {
  addEventListener('keydown', (event) => {
    const dialog = /** @type {HTMLDialogElement | null} */ (document.querySelector('dialog[open]'));
    if (isComposing(event)) return;
    // On a Mac, Ctrl-K deletes to the end of the line.
    const isJump = event.key.toLowerCase() === 'k' && (event.metaKey || event.ctrlKey && !isMac) && !event.altKey && !event.shiftKey;
    if (isJump && dialog?.id === 'switcher') dialog.close();
    else if (isJump && !dialog) on.jump();
    else if (dialog || !(isStep(event, on) || isPlain(event, on))) return;
    event.preventDefault();
  });
}

/** @param {KeyboardEvent} event @param {On} on @returns {boolean} whether it was one */
function isStep({ key, altKey, ctrlKey, metaKey, shiftKey, target }, on) {
  const by = key === 'ArrowDown' ? 1 : key === 'ArrowUp' ? -1 : null;
  if (by === null || !altKey || ctrlKey || metaKey || /** @type {Element} */ (target).matches('select')) return false;
  on.step(by, shiftKey);
  return true;
}

/** @param {KeyboardEvent} event @param {On} on @returns {boolean} whether it does nothing else */
function isPlain({ key, altKey, ctrlKey, metaKey, target }, on) {
  if (/** @type {Element} */ (target).matches('input, textarea, select') || altKey || ctrlKey || metaKey) return false;
  if (key === '?') on.help();
  else if (key === '/') on.focusText();
  // The key itself is typed into the box.
  else if (key.length === 1 && key !== ' ') return on.focusText(), false;
  else return false;
  return true;
}
