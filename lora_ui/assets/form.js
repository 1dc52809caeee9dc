/**
 * The host page's form as the LoRA controls see it: its values, and the wish to change some.
 *
 * The host calls `know` whenever a value changes and `fill` when `connect`'s function was called;
 * a change is made from the newest values, so that nothing that is being typed is lost.
 * Events: `form` (the values are others) and `batch` ({parts, fields}: make these videos).
 */

class Form extends EventTarget {
  values = {};
  #wishes = [];
  #ask = null;

  /** `ask` makes the host call `fill`. */
  connect(ask) {
    this.#ask = ask;
    if (this.#wishes.length > 0) ask();
  }

  know(values) {
    this.values = { ...values };
    this.dispatchEvent(new Event("form"));
  }

  /** `wish(values)` returns the fields that it changes, or nothing. */
  change(wish) {
    this.#wishes.push(wish);
    this.#ask?.();
  }

  /** The values with every wish fulfilled. */
  fill(values) {
    let found = { ...values };
    for (const wish of this.#wishes.splice(0)) found = { ...found, ...wish(found) };
    this.know(found);
    return found;
  }

  /** Make one video for each of the parts that `makeParts(values)` returns, as one job. */
  batch(makeParts) {
    this.change((values) => {
      this.dispatchEvent(new CustomEvent("batch", { detail: makeParts(values) }));
    });
  }
}

export const form = new Form();
