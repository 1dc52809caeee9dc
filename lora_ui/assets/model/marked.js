/** Which cards are marked for an action; apart from the selection for the next video. */
import { store } from "./store.js";

/** Event: change. */
class Marks extends EventTarget {
  names = new Set();
  #from = null;

  get size() {
    return this.names.size;
  }

  has(name) {
    return this.names.has(name);
  }

  toggle(name) {
    if (!this.names.delete(name)) this.names.add(name);
    this.#from = name;
    this.#changed();
  }

  /** Mark everything from the card that was marked last to `name`, in the order shown. */
  extend(name, shown) {
    const start = shown.indexOf(this.#from ?? name);
    const end = shown.indexOf(name);
    if (end < 0) return;
    const [first, last] = start < 0 ? [end, end] : [Math.min(start, end), Math.max(start, end)];
    for (const item of shown.slice(first, last + 1)) this.names.add(item);
    this.#from ??= name;
    this.#changed();
  }

  replace(names) {
    this.names = new Set(names);
    this.#changed();
  }

  clear() {
    this.#from = null;
    if (this.names.size === 0) return;
    this.names.clear();
    this.#changed();
  }

  /** The cards behind the marks that are still there. */
  cards() {
    return [...this.names].map((name) => store.byName.get(name)).filter(Boolean);
  }

  /** Forget marks of cards that are gone. */
  prune() {
    const kept = [...this.names].filter((name) => store.byName.has(name));
    if (kept.length !== this.names.size) this.replace(kept);
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

export const marks = new Marks();
store.addEventListener("library", () => store.problem === null && marks.prune());
