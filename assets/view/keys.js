// Keyboard shortcuts of the page, except in text fields and dialogs.

import { isComposing } from './composer.js';

/** @typedef {{help(): void, focusText(): void}} On */

/** @param {On} on */
export function watchKeys(on) {
  addEventListener('keydown', (event) => {
    const at = /** @type {Element} */ (event.target);
    const isWriting = at.matches('input, textarea, select') || document.querySelector('dialog[open]') !== null;
    if (isWriting || isComposing(event) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === '?') on.help();
    else if (event.key === '/') on.focusText();
    // The key itself is typed into the box.
    else if (event.key.length === 1 && event.key !== ' ') return on.focusText();
    else return;
    event.preventDefault();
  });
}
