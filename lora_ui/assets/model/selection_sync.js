/**
 * The stack's way to the server: only the fields that changed, merged there with other tabs'.
 *
 * What is not saved yet waits here, and in the browser's storage in case the page is closed; it
 * is sent again until the server has it.
 */
import { request } from "../kit/api.js";
import { keptForGood, keptForTab, ownName } from "../kit/kept.js";

const SAVE_AFTER_MS = 120;
const RETRY_MS = 2000;
const KEPT = "lora-unsaved";
const SESSION = "lora-session";
const EMPTY = { loras: {}, order: null };

export class Saving {
  #context;
  #take;
  #refused;
  #waiting = structuredClone(EMPTY);
  #sending = null;
  #timer = 0;
  #again = false;
  // What the server knows this tab by, where the browser keeps no cookie, after a reload too.
  #session = keptForTab.get(SESSION);
  #channel =
    "BroadcastChannel" in globalThis ? new BroadcastChannel(ownName("lora-selection")) : null;

  /** `context()` gives the form; `take(state)` and `refused(error)` get what comes back. */
  constructor(context, take, refused) {
    this.#context = context;
    this.#take = take;
    this.#refused = refused;
    if (this.#channel) this.#channel.onmessage = () => this.soon();
    document.addEventListener("visibilitychange", () => document.hidden || this.soon());
    addEventListener("pagehide", () => this.#leave());
  }

  /** Read the state, with what an earlier page could not save. */
  start() {
    this.#waiting = keptChanges() ?? this.#waiting;
    return this.#send();
  }

  get unsaved() {
    return isSomething(this.#waiting) || this.#sending !== null;
  }

  /** Fields of one LoRA; null takes it out. */
  note(name, fields) {
    const known = this.#waiting.loras[name];
    // Taken out and added again: as new, in the fields that it has now.
    this.#waiting.loras[name] = fields === null || !known ? fields : { ...known, ...fields };
    this.soon();
  }

  noteOrder(names) {
    this.#waiting.order = names;
    this.soon();
  }

  noteAccelerated(value) {
    this.#waiting.accelerated = value;
    this.soon();
  }

  /** Send what waits, or just ask how things stand. */
  soon(after = SAVE_AFTER_MS) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#send(), after);
  }

  /** The server's stack with what it does not know yet. */
  merged(stack, accelerated) {
    const entries = new Map(stack.map(({ name, ...entry }) => [name, entry]));
    let order = null;
    let replaced = accelerated;
    for (const change of [this.#sending, this.#waiting]) {
      if (change === null) continue;
      for (const [name, fields] of Object.entries(change.loras)) merge(entries, name, fields);
      order = change.order ?? order;
      if ("accelerated" in change) replaced = change.accelerated;
    }
    return { entries: order === null ? entries : ordered(entries, order), accelerated: replaced };
  }

  async #send() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.#sending !== null) {
      this.#again = true;
      return;
    }
    const change = this.#waiting;
    this.#sending = change;
    this.#waiting = structuredClone(EMPTY);
    try {
      const body = { ...this.#context(), ...change, session: this.#session };
      const state = await request("PATCH", "api/selection", { body });
      this.#sending = null;
      if (state.session !== this.#session) keptForTab.set(SESSION, state.session);
      this.#session = state.session;
      keptForGood.remove(KEPT);
      this.#take(state);
      if (isSomething(change)) this.#channel?.postMessage(state.version);
    } catch (error) {
      this.#sending = null;
      this.#failed(change, error);
    }
    if (this.#again) {
      this.#again = false;
      this.soon();
    }
  }

  #failed(change, error) {
    if (error.status >= 400 && error.status < 500) {
      if (!isSomething(change)) return;
      this.#refused(error);
      this.soon();
      return;
    }
    this.#waiting = together(change, this.#waiting);
    this.#keep();
    this.soon(RETRY_MS);
  }

  #keep() {
    if (isSomething(this.#waiting)) keptForGood.set(KEPT, JSON.stringify(this.#waiting));
  }

  /** The page goes: the browser still sends this, and if not, the next page does. */
  #leave() {
    if (!isSomething(this.#waiting)) return;
    this.#keep();
    const body = { ...this.#context(), ...this.#waiting, session: this.#session };
    request("PATCH", "api/selection", { body, keepalive: true })
      .then(() => keptForGood.remove(KEPT))
      .catch(() => {});
  }
}

function merge(entries, name, fields) {
  if (fields === null) entries.delete(name);
  else if (entries.has(name)) entries.set(name, { ...entries.get(name), ...fields });
  else if (fields.add) entries.set(name, { on: true, words: [], split: false, ...fields });
}

function ordered(entries, order) {
  const first = order.filter((name) => entries.has(name));
  const rest = [...entries.keys()].filter((name) => !first.includes(name));
  return new Map([...first, ...rest].map((name) => [name, entries.get(name)]));
}

function together(first, second) {
  const loras = { ...first.loras };
  for (const [name, fields] of Object.entries(second.loras)) {
    loras[name] = fields === null || !loras[name] ? fields : { ...loras[name], ...fields };
  }
  return { ...first, ...second, loras, order: second.order ?? first.order };
}

function isSomething(change) {
  return Object.keys(change.loras).length > 0 || change.order !== null || "accelerated" in change;
}

function keptChanges() {
  try {
    const kept = JSON.parse(keptForGood.get(KEPT) ?? "null");
    return kept && typeof kept.loras === "object" ? { ...EMPTY, ...kept } : null;
  } catch {
    return null;
  }
}
