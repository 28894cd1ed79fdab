// A long press on a message of the log opens its actions, and not the browser's menu.

import { rowAt } from '../view/rows.js';

/** How long a finger rests on a message, in ms, and how far it may move, in pixels. */
const [PRESS_MS, PRESS_PX] = [500, 10];
/** A click comes this soon after the end of a touch. */
const CLICK_MS = 100;

export class LongPress {
  #pressed;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer = undefined;
  /** Where the touch began. */
  #from = { x: 0, y: 0 };

  /** @param {HTMLElement} log @param {(row: HTMLElement) => boolean} pressed returns whether something opens */
  constructor(log, pressed) {
    this.#pressed = pressed;
    log.addEventListener('pointermove', ({ clientX, clientY }) => {
      if (Math.hypot(clientX - this.#from.x, clientY - this.#from.y) > PRESS_PX) clearTimeout(this.#timer);
    });
    for (const type of ['pointerup', 'pointercancel']) addEventListener(type, () => clearTimeout(this.#timer));
    log.addEventListener('contextmenu', (event) => {
      const isTouch = event instanceof PointerEvent && event.pointerType === 'touch';
      if (isTouch && rowAt(event.target) && !isOfBrowser(event.target)) event.preventDefault();
    });
  }

  /** @param {PointerEvent} event a touch of the log begins */
  begin({ target, isPrimary, clientX, clientY, timeStamp }) {
    clearTimeout(this.#timer);
    const row = rowAt(target);
    if (!isPrimary || !row || isOfBrowser(target)) return;
    this.#from = { x: clientX, y: clientY };
    this.#timer = setTimeout(() => {
      if (this.#pressed(row)) swallowClick();
    }, PRESS_MS - (performance.now() - timeStamp));
  }
}

/** Where a long press is the browser's. @param {EventTarget | null} target */
const isOfBrowser = (target) => target instanceof Element && target.closest('a, button') !== null;

/** The end of a long press is no click on what has opened under the finger. */
function swallowClick() {
  const swallow = (/** @type {Event} */ event) => {
    event.preventDefault();
    event.stopPropagation();
  };
  const over = new AbortController();
  const options = { capture: true, signal: over.signal };
  addEventListener('click', swallow, options);
  // The next touch is meant for what has opened.
  addEventListener('pointerdown', () => over.abort(), options);
  for (const type of ['touchend', 'touchcancel']) addEventListener(type, () => setTimeout(() => over.abort(), CLICK_MS), options);
}
