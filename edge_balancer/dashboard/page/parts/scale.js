/** A scale that stays: it grows at once in round steps, and shrinks only after the values have been small for a while. */

const SHRINK_AFTER_MS = 60_000;
const SHRINK_BELOW = 0.3;

/** The next of 1, 2, 3, 5, 10, 20, ... at or above a value. */
export function round(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  for (const step of [1, 2, 3, 5, 10]) {
    if (step * power >= value * 0.999999) {
      return step * power;
    }
  }
  return 10 * power;
}

export class Scale {
  #least;
  #small = null;
  top;

  constructor(least) {
    this.#least = least;
    this.top = least;
  }

  /** Takes the greatest value of now; `top` is then the end of the scale. */
  fit(greatest, now = performance.now()) {
    const wanted = Math.max(this.#least, round(Math.max(greatest, 1e-9)));
    if (wanted > this.top) {
      this.top = wanted;
    }
    if (greatest >= this.top * SHRINK_BELOW || wanted >= this.top) {
      this.#small = null;
    } else if (this.#small === null) {
      this.#small = now;
    } else if (now - this.#small > SHRINK_AFTER_MS) {
      this.top = wanted;
      this.#small = null;
    }
    return this.top;
  }
}
