// Draws at most once per frame, and under load less often: drawing must not block
// typing.

/** After each drawing, the idle time in multiples of its duration. */
const IDLE_FACTOR = 5;

export class Drawing {
  #draw;
  #isRequested = false;
  #idleUntil = 0;

  /** @param {() => void} draw */
  constructor(draw) {
    this.#draw = draw;
  }

  request() {
    if (this.#isRequested) return;
    this.#isRequested = true;
    const show = () => requestAnimationFrame((from) => {
      this.#isRequested = false;
      this.#draw();
      this.#idleUntil = from + (performance.now() - from) * IDLE_FACTOR;
    });
    const rest = this.#idleUntil - performance.now();
    if (rest > 0) setTimeout(show, rest);
    else show();
  }
}
