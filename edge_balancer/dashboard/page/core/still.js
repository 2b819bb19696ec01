/**
 * A list that stands still while somebody reads it: what is new waits, what is over keeps its place, until it is asked for anew.
 *
 * A list that re-sorts itself puts another button under the finger that is on its way. Nothing here knows what is listed or draws it.
 */
export class Still {
  #keyOf;
  #renewed;
  #rows = [];
  #newer = [];

  /** `renewed(listed, now)` says whether what has the same key must be read anew, and so counts among what is newer. */
  constructor(keyOf, renewed = () => false) {
    this.#keyOf = keyOf;
    this.#renewed = renewed;
  }

  /** Rows of { key, listed, now, over, renewed }: as it was when it was listed, and as it was last known to be. */
  get rows() {
    return this.#rows;
  }

  /** What waits, in the order of the last `see`. */
  get newer() {
    return this.#newer;
  }

  get over() {
    return this.#rows.filter((row) => row.over).length;
  }

  /** What stands now. Rows keep their number and their order. */
  see(items) {
    const present = new Map(items.map((item) => [this.#keyOf(item), item]));
    for (const row of this.#rows) {
      const item = present.get(row.key);
      row.renewed = item !== undefined && this.#renewed(row.listed, item);
      row.over = item === undefined;
      row.now = item ?? row.now;
    }
    const listed = new Map(this.#rows.map((row) => [row.key, row]));
    this.#newer = items.filter((item) => listed.get(this.#keyOf(item))?.renewed ?? true);
  }

  /** Exactly these, in this order: somebody has come anew, or has asked. */
  take(items) {
    this.#rows = [];
    this.append(items);
    this.see(items);
  }

  /** These too, below what stands. */
  append(items) {
    for (const item of items) {
      this.#rows.push({ key: this.#keyOf(item), listed: item, now: item, over: false, renewed: false });
    }
  }
}
