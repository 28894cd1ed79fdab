// The log's rows on the page. It is told what there is to be, and changes only
// what differs: what is being read, selected or spoken stays as it is.

/** @typedef {import('./rows.js').Row} Row */

export class LogView {
  #list;
  /** @type {Map<string, {look: string, element: HTMLLIElement}>} */
  #shown = new Map();

  /** @param {HTMLElement} list */
  constructor(list) {
    this.#list = list;
  }

  /** @param {Row[]} rows */
  show(rows) {
    const shown = new Map(rows.map(({ key, look, make }) => {
      const known = this.#shown.get(key);
      return [key, known?.look === look ? known : { look, element: make() }];
    }));
    // What is gone goes first, so that what stays need not move.
    for (const [key, { element }] of this.#shown) if (shown.get(key)?.element !== element) element.remove();
    this.#shown = shown;
    let next = this.#list.firstChild;
    for (const { element } of shown.values()) {
      if (element === next) next = next.nextSibling;
      else this.#list.insertBefore(element, next);
    }
  }

  /** Many rows at once are not read out one by one. @param {() => void} change */
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
