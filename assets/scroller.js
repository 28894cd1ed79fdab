// The part of the page that scrolls. It stays at the end while its reader is
// there, and otherwise leaves what is being read where it is.

/** A reader this near to the end, in pixels, is following the talk. */
const NEAR_PX = 90;
/** This near to an end of what is loaded, more is asked for. */
const AHEAD_PX = 600;

export class Scroller {
  #element;
  #follows = true;
  /** Where this put itself last. */
  #position = -1;

  /** @param {HTMLElement} element @param {{scrolled(): void}} on */
  constructor(element, on) {
    this.#element = element;
    element.addEventListener('scroll', () => {
      // More may have come since its own move: the end is elsewhere, the reader did not leave it.
      if (Math.abs(element.scrollTop - this.#position) > 1) this.#follows = this.#left < NEAR_PX;
      on.scrolled();
    }, { passive: true });
    // A keyboard that opens, or a composer that grows, must not cover the end.
    new ResizeObserver(() => {
      if (this.#follows) this.toEnd();
    }).observe(element);
  }

  /** Whether the reader is at the end, or on the way there. */
  get follows() {
    return this.#follows;
  }

  get isNearTop() {
    return this.#element.scrollTop < AHEAD_PX;
  }

  get isNearBottom() {
    return this.#left < AHEAD_PX;
  }

  get #left() {
    const { scrollHeight, scrollTop, clientHeight } = this.#element;
    return scrollHeight - scrollTop - clientHeight;
  }

  /** Changes the content without moving what is being read. @param {boolean} sticks its end stays the end @param {() => void} change */
  keeping(sticks, change) {
    if (sticks) {
      change();
      this.toEnd();
      return;
    }
    // By the messages: a day's divider stays the same row while it moves.
    const tops = this.#rowsInSight().slice(0, 40).map((row) => /** @type {const} */ ([row, row.getBoundingClientRect().top]));
    change();
    const [row, top] = tops.find(([row]) => row.isConnected) ?? [];
    if (row && top !== undefined) this.#element.scrollTop += row.getBoundingClientRect().top - top;
  }

  toEnd() {
    this.#follows = true;
    this.#element.scrollTop = this.#element.scrollHeight;
    this.#position = this.#element.scrollTop;
  }

  /** @param {Element} row */
  toRow(row) {
    this.#element.scrollTop += this.#topOf(row) - 48;
    this.#follows = this.#left < NEAR_PX;
    this.#position = this.#element.scrollTop;
  }

  /** Where its reader is, to be given to `restore`. */
  place() {
    const row = this.#rowsInSight()[0];
    return this.#follows ? null : { id: row?.id ?? '', top: row ? this.#topOf(row) : 0 };
  }

  /** Brings its reader back to a place, if the message there is still loaded. @param {{id: string, top: number} | null} place null: the end */
  restore(place) {
    const row = place && document.getElementById(place.id);
    if (!place) this.toEnd();
    if (!place || !row) return;
    this.#element.scrollTop += this.#topOf(row) - place.top;
    this.#follows = this.#left < NEAR_PX;
    this.#position = this.#element.scrollTop;
  }

  /** How far below the upper edge it is. @param {Element} row */
  #topOf(row) {
    return row.getBoundingClientRect().top - this.#element.getBoundingClientRect().top;
  }

  /** Messages that are not above what is seen. */
  #rowsInSight() {
    const edge = this.#element.getBoundingClientRect().top;
    return [...this.#element.querySelectorAll('#log > .message:not([hidden])')]
      .filter((row) => row.getBoundingClientRect().bottom > edge);
  }

  /** @param {number} pages */
  turn(pages) {
    this.#element.scrollBy({ top: pages * this.#element.clientHeight * 0.85 });
  }
}
