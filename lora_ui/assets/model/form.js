/**
 * The host page's form as the LoRA controls see it: its values, and the wish to change some.
 *
 * The host calls `know` whenever a value changes and `fill` when `connect`'s function was called;
 * a change is made from the newest values, so that nothing that is being typed is lost.
 * Events: `form` (the values are others), `batch` ({task, grid}: make these videos), and those that
 * `ask` names.
 * `wishedModel` is the model that `switchModel` asked for last.
 */

const SHOWN_AFTER_MS = 3000; // by then the host surely shows what it was given

class Form extends EventTarget {
  values = {};
  restored = false; // whether the fields hold what an earlier visit left in them
  parts = []; // of the videos that a host was asked for last: label, changes
  comparing = null; // has the host make those parts
  switches = false; // whether the page can have another model chosen
  wishedModel = null;
  #switch = null;
  #wishes = [];
  #ask = null;
  #asked = false;
  #given = new Map(); // field → {value, stale, until}, while the host may tell older values

  /** `ask` makes the host call `fill`. */
  connect(ask) {
    this.#ask = ask;
    if (this.#wishes.length > 0) this.#askOnce();
  }

  /** `ask` makes the host choose `wishedModel`, as a person would. */
  connectModels(ask) {
    this.#switch = ask;
    this.switches = true;
  }

  switchModel(model) {
    this.wishedModel = model;
    this.#switch?.();
  }

  /** The fields are restored: a wish that came before would have put empty ones in their place. */
  begin() {
    this.restored = true;
    if (this.#wishes.length > 0) this.#askOnce();
  }

  know(values) {
    this.#tell(this.#current(values));
  }

  /** `wish(values)` returns the fields that it changes, or nothing. */
  change(wish) {
    this.#wishes.push(wish);
    this.#askOnce();
  }

  /** The values with every wish fulfilled. */
  fill(values) {
    this.#asked = false;
    let found = this.#current(values);
    for (const wish of this.#wishes.splice(0)) found = { ...found, ...wish(found) };
    for (const [name, value] of Object.entries(found)) this.#give(name, value, values[name]);
    this.#tell(found);
    return found;
  }

  #tell(values) {
    this.values = values;
    this.dispatchEvent(new Event("form"));
  }

  /** The host gets a value in place of the one that it told. */
  #give(name, value, told) {
    const last = this.#given.get(name);
    if (value === told && !last) return;
    const stale = new Set([...(last?.stale ?? []), told]);
    if (last) stale.add(last.value);
    this.#given.set(name, { value, stale, until: performance.now() + SHOWN_AFTER_MS });
  }

  /** The values without those that the host only still tells from before it was given others. */
  #current(values) {
    const found = { ...values };
    for (const [name, { value, stale, until }] of this.#given) {
      if (stale.has(values[name]) && performance.now() < until) found[name] = value;
      else this.#given.delete(name);
    }
    return found;
  }

  #askOnce() {
    if (this.#asked || this.#ask === null || !this.restored) return;
    this.#asked = true;
    this.#ask();
  }

  /** Tell the page a wish, as the event `type`, with what `makeDetail(values)` returns. */
  ask(type, makeDetail) {
    const tell = (values) => {
      this.dispatchEvent(new CustomEvent(type, { detail: makeDetail(values) }));
    };
    if (this.#ask === null) tell(this.values);
    else this.change(tell);
  }

  /** Make the videos that `wanted(values)` returns: a task and its grid, or parts for a host. */
  batch(wanted) {
    const submit = (values) => {
      const detail = wanted(values);
      this.parts = detail.parts ?? [];
      this.dispatchEvent(new CustomEvent("batch", { detail }));
      this.comparing?.();
    };
    if (this.#ask === null) submit(this.values);
    else this.change(submit);
  }
}

export const form = new Form();
