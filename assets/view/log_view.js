// The rows of the log in the document. An update changes only rows that differ, so
// that selection, focus and screen readers are not disturbed.

import { foldTall } from './folding.js';

/** @typedef {import('./rows.js').Row} Row */

export class LogView {
  #list;
  /** @type {Map<string, {look: string, detail: string | undefined, element: HTMLLIElement}>} */
  #shown = new Map();

  /** @param {HTMLElement} list */
  constructor(list) {
    this.#list = list;
  }

  /** @param {Row[]} rows */
  show(rows) {
    const focused = this.#list.contains(document.activeElement) ? document.activeElement?.closest('li[id]')?.id : null;
    const shown = new Map(rows.map(({ key, look, make, detail, update }) => {
      const known = this.#shown.get(key);
      if (known?.look !== look) return [key, { look, detail, element: make() }];
      if (known.detail !== detail) update?.(known.element);
      known.detail = detail;
      return [key, known];
    }));
    // Removes rows first, so that remaining ones need not move.
    for (const [key, { element }] of this.#shown) if (shown.get(key)?.element !== element) element.remove();
    this.#shown = shown;
    let next = this.#list.firstChild;
    for (const { element } of shown.values()) {
      if (element === next) next = next.nextSibling;
      else this.#list.insertBefore(element, next);
    }
    foldTall();
    // A replaced row had the focus.
    if (focused && !this.#list.contains(document.activeElement)) focusRow(document.getElementById(focused));
  }

  /** Changes rows without announcing them to screen readers. @param {() => void} change */
  quietly(change) {
    const log = this.#list.closest('[role=log]');
    log?.setAttribute('aria-live', 'off');
    change();
    requestAnimationFrame(() => requestAnimationFrame(() => log?.removeAttribute('aria-live')));
  }

  /** @param {string} key */
  find(key) {
    return this.#shown.get(key)?.element;
  }
}

/** @param {HTMLElement | null} row */
function focusRow(row) {
  if (!row) return;
  const more = /** @type {HTMLElement | null} */ (row.querySelector('.more'));
  row.tabIndex = -1;
  (more ?? row).focus({ preventScroll: true });
}
