// The message that is lit up for a moment, since a link or a search led to it.

const LIT_MS = 2_000;

export class Lit {
  #find;
  #key = '';
  /** @type {Element | undefined} */
  #row;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {(key: string) => HTMLElement | undefined} find the row of a message */
  constructor(find) {
    this.#find = find;
  }

  /** Lights a row up, and moves the focus to it. @param {string} key */
  light(key) {
    clearTimeout(this.#timer);
    this.#key = key;
    this.keep();
    this.#timer = setTimeout(() => {
      this.#key = '';
      this.keep();
    }, LIT_MS);
    const row = this.#find(key);
    if (row) focus(row);
  }

  /** A row may have been replaced. */
  keep() {
    const row = this.#key ? this.#find(this.#key) : undefined;
    if (row !== this.#row) this.#row?.classList.remove('lit');
    row?.classList.add('lit');
    this.#row = row;
  }
}

/** Focuses the button of the actions, with the message as its description, or the row if it has none. @param {HTMLElement} row */
function focus(row) {
  const more = /** @type {HTMLElement | null} */ (row.querySelector('.more'));
  more?.setAttribute('aria-describedby', row.id);
  more?.focus({ preventScroll: true });
  if (more && document.activeElement === more) return;
  row.tabIndex = -1;
  row.focus({ preventScroll: true });
}
