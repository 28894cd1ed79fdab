// The scrolling part of the page. It stays at the end while the reader is there;
// otherwise the visible messages do not move.

/** A reader this near to the end, in pixels, follows new messages. */
const NEAR_PX = 90;
/** This near to an end of the loaded messages, in pixels, more are loaded. */
const AHEAD_PX = 600;

export class Scroller {
  #element;
  #follows = true;
  /** The position after the last scroll by this class. */
  #position = -1;

  /** @param {HTMLElement} element @param {{scrolled(): void}} on */
  constructor(element, on) {
    this.#element = element;
    element.addEventListener('scroll', () => {
      // After an own scroll the content may have grown: the reader has not left the end.
      if (Math.abs(element.scrollTop - this.#position) > 1) this.#follows = this.#left < NEAR_PX;
      on.scrolled();
    }, { passive: true });
    // An opening keyboard or a growing composer must not cover the end.
    new ResizeObserver(() => {
      if (this.#follows) this.toEnd();
    }).observe(element);
  }

  /** Whether the reader is at the end, or a scroll to it is in progress. */
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

  /** Changes the content without moving the visible messages. @param {boolean} sticks whether to stay at the end @param {() => void} change */
  keeping(sticks, change) {
    if (sticks) {
      change();
      this.toEnd();
      return;
    }
    // Measured at messages: a date divider keeps its row but may move.
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

  /** @param {Element} row @param {boolean} [isMiddle] in the middle, not at the top */
  toRow(row, isMiddle = false) {
    const above = isMiddle ? Math.max(48, (this.#element.clientHeight - row.getBoundingClientRect().height) / 2) : 48;
    this.#element.scrollTop += this.#topOf(row) - above;
    this.#follows = this.#left < NEAR_PX;
    this.#position = this.#element.scrollTop;
  }

  /** The reader's position, for `restore`. @param {boolean} isEnd whether the end of the log is the newest message @returns {{id: string, top: number} | null} null: there */
  place(isEnd) {
    const row = this.#rowsInSight()[0];
    return this.#follows && isEnd || !row ? null : { id: row.id, top: this.#topOf(row) };
  }

  /** Restores a position, if its message is still loaded. @param {{id: string, top: number} | null} place null: the end */
  restore(place) {
    const row = place && document.getElementById(place.id);
    if (!place) this.toEnd();
    if (!place || !row) return;
    this.#element.scrollTop += this.#topOf(row) - place.top;
    this.#follows = this.#left < NEAR_PX;
    this.#position = this.#element.scrollTop;
  }

  /** The distance below the upper edge. @param {Element} row */
  #topOf(row) {
    return row.getBoundingClientRect().top - this.#element.getBoundingClientRect().top;
  }

  /** Messages that are not above the visible part. */
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
