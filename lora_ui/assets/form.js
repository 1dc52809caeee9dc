/**
 * The host page's form as the LoRA controls see it: its values, and the wish to change some.
 *
 * The host calls `know` whenever a value changes and `fill` when `connect`'s function was called;
 * a change is made from the newest values, so that nothing that is being typed is lost.
 * Events: `form` (the values are others) and `batch` ({parts, fields}: make these videos).
 */

const SHOWN_AFTER_MS = 500; // by then the host shows what it was given

class Form extends EventTarget {
  values = {};
  restored = false; // whether the fields hold what an earlier visit left in them
  #wishes = [];
  #ask = null;
  #asked = false;
  #last = { at: Number.NEGATIVE_INFINITY, before: {}, after: {} };

  /** `ask` makes the host call `fill`. */
  connect(ask) {
    this.#ask = ask;
    if (this.#wishes.length > 0) this.#askOnce();
  }

  know(values) {
    this.values = { ...values };
    this.dispatchEvent(new Event("form"));
  }

  /** `wish(values)` returns the fields that it changes, or nothing. */
  change(wish) {
    this.#wishes.push(wish);
    this.#askOnce();
  }

  /** The values with every wish fulfilled. */
  fill(values) {
    this.#asked = false;
    const before = this.#current(values);
    let found = { ...before };
    for (const wish of this.#wishes.splice(0)) found = { ...found, ...wish(found) };
    this.#last = { at: performance.now(), before, after: found };
    this.know(found);
    return found;
  }

  /** The host may still tell the values from before what it was given a moment ago. */
  #current(values) {
    const { at, before, after } = this.#last;
    if (performance.now() - at > SHOWN_AFTER_MS) return values;
    const entries = Object.entries(values);
    return Object.fromEntries(
      entries.map(([name, value]) => [name, value === before[name] ? after[name] : value]),
    );
  }

  #askOnce() {
    if (this.#asked || this.#ask === null) return;
    this.#asked = true;
    this.#ask();
  }

  /** Make one video for each of the parts that `makeParts(values)` returns, as one job. */
  batch(makeParts) {
    this.change((values) => {
      this.dispatchEvent(new CustomEvent("batch", { detail: makeParts(values) }));
    });
  }
}

export const form = new Form();
