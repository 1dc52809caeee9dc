/**
 * The stack: LoRAs in order, each with strength, switch, trigger words. It lives here and, a
 * moment later, on the server; what another tab changed arrives by itself.
 *
 * `tell(type, detail)` gets `selection` (rows came, went, moved or look different), `strength`
 * ({name}) and `summary`.
 */
import { form } from "./form.js";
import { Saving } from "./selection_sync.js";
import { isSeparate } from "./strengths.js";
import { holds, lacking, putIn, takeOut, triggerWords } from "./trigger_words.js";

const RUN_FIELDS = ["steps", "flow_shift", "guidance_scale", "guidance_scale_2"];

export class Selection {
  entries = new Map(); // name → {strength, on, words, split}
  strengths = new Map(); // name → strength, of every entry
  summary = null;
  accelerated = null;
  #library;
  #tell;
  #saving;
  #run = "";

  /** `library` has `byName`, `model`, `features` and `startStrength(name)`. */
  constructor(library, tell, refused) {
    this.#library = library;
    this.#tell = tell;
    this.#saving = new Saving(
      () => ({ model: library.model, run: runSettings() }),
      (state) => this.#take(state),
      refused,
    );
    form.addEventListener("form", () => {
      const run = JSON.stringify(runSettings());
      if (run !== this.#run) this.refresh();
      this.#run = run;
    });
  }

  start() {
    return this.#saving.start();
  }

  /** Ask again what the selection costs and what speaks against it. */
  refresh() {
    this.#saving.soon();
  }

  get unsaved() {
    return this.#saving.unsaved;
  }

  add(name, strength, fields = {}) {
    const known = this.entries.get(name);
    const on = fields.on ?? known?.on ?? true;
    const starts = on && !known?.on;
    const kept = on ? known?.words : [];
    const words = starts ? this.#wordsFor(name) : kept;
    const entry = { split: false, ...known, ...fields, on, strength, words };
    this.entries.set(name, entry);
    this.#saving.note(name, { ...entry, add: true });
    if (starts) putIn(words);
    else if (known?.on && !on) this.#release(name, known);
    this.#changed();
  }

  remove(name) {
    const entry = this.entries.get(name);
    if (!entry) return;
    this.entries.delete(name);
    this.#saving.note(name, null);
    this.#release(name, entry);
    this.#changed();
  }

  /** The function that brings the stack back as it is now, with its trigger words. */
  restorer() {
    const before = new Map(this.entries);
    return () => {
      this.bringBack([...before.keys()], before);
      this.keepOnly([...before.keys()]);
    };
  }

  /** Those of the names that stood in the stack `before`, as they did then, in its order. */
  bringBack(names, before) {
    for (const name of names.filter((each) => before.has(each))) {
      const { strength, ...fields } = before.get(name);
      this.add(name, strength, fields);
    }
    this.reorder([...before.keys()]);
  }

  /** These in this order. Add them before, so that words which the old ones share stay. */
  keepOnly(names) {
    for (const name of [...this.entries.keys()]) if (!names.includes(name)) this.remove(name);
    this.reorder(names);
  }

  /** Take everything out; gives the function that puts it back. */
  clear() {
    const restore = this.restorer();
    for (const name of [...this.entries.keys()]) this.remove(name);
    return restore;
  }

  /** Take a whole selection; the prompt is left as it is. */
  replace(items) {
    const names = new Set(items.map(({ name }) => name));
    const before = this.strengths;
    for (const name of this.entries.keys()) if (!names.has(name)) this.#saving.note(name, null);
    this.entries = new Map(
      items.map(({ name, strength, on = true, split = false }) => {
        const entry = { strength, on, words: [], split };
        this.#saving.note(name, { ...entry, add: true });
        return [name, entry];
      }),
    );
    this.#saving.noteOrder([...this.entries.keys()]);
    this.setAccelerated(null); // the form is replaced too
    for (const [name, strength] of this.strengths) {
      if (before.has(name) && !same(strength, before.get(name))) this.#tell("strength", { name });
    }
  }

  setStrength(name, strength) {
    if (!this.entries.has(name)) return;
    // Two strengths that meet while one of them is moved stay two.
    this.#set(name, { strength, ...(isSeparate(strength) && { split: true }) });
    this.strengths.set(name, strength);
    this.#tell("strength", { name });
  }

  /** Change how a row looks: `split`, or a strength of another form. */
  reshape(name, fields) {
    this.#set(name, fields);
    this.#changed();
  }

  switch(name, on) {
    const entry = this.entries.get(name);
    if (!entry || entry.on === on) return;
    if (on) {
      const words = this.#wordsFor(name);
      this.#set(name, { on, words });
      putIn(words);
    } else {
      this.#set(name, { on, words: [] });
      this.#release(name, entry);
    }
    this.#changed();
  }

  /** Put one trigger word of a LoRA into the prompt, or take it out. */
  toggleWord(name, word) {
    const { words } = this.entries.get(name);
    if (holds(form.values.prompt, word)) {
      this.#set(name, { words: words.filter((known) => known !== word) });
      takeOut([word]);
    } else {
      this.#set(name, { words: [...words, word] });
      putIn([word]);
    }
    this.#changed();
  }

  /** The named ones first; another page may have added some, or taken some out. */
  reorder(names) {
    const order = new Set([...names, ...this.entries.keys()]);
    const kept = [...order].filter((name) => this.entries.has(name));
    this.entries = new Map(kept.map((name) => [name, this.entries.get(name)]));
    this.#saving.noteOrder(kept);
    this.#changed();
  }

  renamed(oldName, newName) {
    const entry = this.entries.get(oldName);
    if (!entry) return;
    const names = [...this.entries.keys()].map((name) => (name === oldName ? newName : name));
    this.entries.delete(oldName);
    this.entries.set(newName, entry);
    this.#saving.note(oldName, null);
    this.#saving.note(newName, { ...entry, add: true });
    this.reorder(names);
  }

  setAccelerated(value) {
    this.accelerated = value;
    this.#saving.noteAccelerated(value);
    this.#changed();
  }

  /** What is switched on, in the contract's form. */
  sent() {
    const on = [...this.entries].filter(([, entry]) => entry.on);
    return Object.fromEntries(on.map(([name, { strength }]) => [name, strength]));
  }

  /** The words that are to be put in for a LoRA: those that the prompt lacks. */
  #wordsFor(name) {
    if (!this.#library.features.fill) return [];
    const owned = new Set([...this.entries.values()].flatMap((entry) => entry.words));
    return lacking(this.#library.byName.get(name)).filter((word) => !owned.has(word));
  }

  /** Take out the words that came with an entry, but for those that another one needs. */
  #release(name, { words }) {
    const gone = [];
    for (const word of words) {
      const heir = [...this.entries].find(
        ([other, entry]) => other !== name && entry.on && this.#has(other, word),
      );
      if (heir) this.#set(heir[0], { words: [...heir[1].words, word] });
      else gone.push(word);
    }
    takeOut(gone);
  }

  #has(name, word) {
    const same = (other) => other.toLowerCase() === word.toLowerCase();
    return triggerWords(this.#library.byName.get(name)).some(same);
  }

  #set(name, fields) {
    this.entries.set(name, { ...this.entries.get(name), ...fields });
    this.#saving.note(name, fields);
  }

  #changed() {
    this.strengths = new Map([...this.entries].map(([name, entry]) => [name, entry.strength]));
    this.#tell("selection");
  }

  /** The server's state; what changed here meanwhile stays. */
  #take(state) {
    const first = this.summary === null;
    this.summary = state;
    const before = this.entries;
    const { entries, accelerated } = this.#saving.merged(state.stack, state.accelerated);
    const rows = shape(entries) !== shape(before) || !same(accelerated, this.accelerated);
    const moved = [...entries].filter(
      ([name, entry]) => !same(entry.strength, before.get(name)?.strength),
    );
    this.entries = new Map([...entries].map(([name, { add, ...entry }]) => [name, entry]));
    this.accelerated = accelerated;
    if (!first && this.#library.features.fill) followWords(before, this.entries);
    if (rows) this.#changed();
    else {
      for (const [name, entry] of moved) {
        this.strengths.set(name, entry.strength);
        this.#tell("strength", { name });
      }
    }
    this.#tell("summary");
  }
}

/** Everything of the rows but the numbers in them. */
function shape(entries) {
  const rows = [...entries].map(([name, { strength, on, words, split }]) => [
    name,
    typeof strength === "number" ? 0 : formOf(strength),
    on,
    words,
    split,
  ]);
  return JSON.stringify(rows);
}

function formOf(strength) {
  return Array.isArray(strength)
    ? strength
    : Object.entries(strength).map(([expert, part]) => [expert, Array.isArray(part) ? part : 0]);
}

/** What another tab put into its prompt or took out of it, here too. */
function followWords(before, after) {
  const words = (entries) => new Set([...entries.values()].flatMap((entry) => entry.words));
  const [old, now] = [words(before), words(after)];
  takeOut([...old].filter((word) => !now.has(word)));
  putIn([...now].filter((word) => !old.has(word)));
}

function same(first, second) {
  return JSON.stringify(first) === JSON.stringify(second);
}

function runSettings() {
  const numbers = RUN_FIELDS.map((name) => [name, form.values[name]]);
  return Object.fromEntries(numbers.filter(([, value]) => typeof value === "number"));
}
