/** What a list of LoRAs is asked for: words, filters, folder and order. Kept for this browser tab. */
import { keptForTab } from "../kit/kept.js";
import { say } from "../texts/say.js";
import { fit, fits, knownKind, usable } from "./lora_text.js";
import { searchFor } from "./search.js";
import { store } from "./store.js";

const SETS = ["experts", "families", "tagsIn", "tagsOut"];
const FLAGS = ["fitting", "favourite", "recent", "broken", "duplicate"];

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
const byText = (field) => (a, b) => (b[field] ?? "").localeCompare(a[field] ?? "");

export const SORTS = {
  name: [say("sort.name"), () => 0],
  newest: [say("sort.newest"), byText("upload_date")],
  used: [say("sort.used"), byText("last_used")],
  count: [say("sort.count"), (a, b) => (b.use_count ?? 0) - (a.use_count ?? 0)],
  size: [say("sort.size"), (a, b) => (b.size_mb ?? 0) - (a.size_mb ?? 0)],
};

/** Event: change. The fields are plain values and sets; `set` and `toggle` change them. */
class LibraryQuery extends EventTarget {
  text = "";
  sort = "name";
  folder = null; // null: everywhere; "" is the top folder alone
  fitting = false;
  favourite = false;
  recent = false;
  broken = false;
  duplicate = false;
  experts = new Set();
  families = new Set();
  tagsIn = new Set();
  tagsOut = new Set();

  #key;

  /** `key` is the name under which the browser keeps it. */
  constructor(key) {
    super();
    this.#key = key;
    this.#restore();
  }

  set(changes) {
    Object.assign(this, changes);
    this.#changed();
  }

  /** Put `value` into one of the sets, or take it out. */
  toggle(name, value, on = !this[name].has(value)) {
    if (on) this[name].add(value);
    else this[name].delete(value);
    this.#changed();
  }

  /** Back to everything; the order stays. */
  clear() {
    for (const name of SETS) this[name].clear();
    for (const name of FLAGS) this[name] = false;
    this.set({ text: "", folder: null });
  }

  get filters() {
    const sets = SETS.reduce((sum, name) => sum + this[name].size, 0);
    return sets + FLAGS.filter((name) => this[name]).length + (this.folder === null ? 0 : 1);
  }

  get narrowed() {
    return this.filters > 0 || this.text.trim() !== "";
  }

  /** Everything but the words and the order, as one comparable text. */
  get filterState() {
    return JSON.stringify(this.#filters());
  }

  /** Everything but the usual, as the text of an address. */
  get written() {
    const params = new URLSearchParams();
    if (this.text.trim()) params.set("q", this.text.trim());
    if (this.sort !== "name") params.set("sort", this.sort);
    if (this.folder !== null) params.set("folder", this.folder);
    for (const name of SETS) for (const value of this[name]) params.append(name, value);
    for (const name of FLAGS) if (this[name]) params.set(name, "1");
    return params.toString();
  }

  /** Ask for what such a text says; what it knows nothing of is left out. */
  read(text) {
    const params = new URLSearchParams(text);
    for (const name of SETS) this[name] = new Set(params.getAll(name));
    for (const name of FLAGS) this[name] = params.get(name) === "1";
    const sort = params.get("sort");
    this.set({
      text: params.get("q") ?? "",
      sort: Object.hasOwn(SORTS, sort ?? "") ? sort : "name",
      folder: params.get("folder"),
    });
  }

  #filters() {
    const plain = { folder: this.folder };
    for (const name of SETS) plain[name] = [...this[name]];
    for (const name of FLAGS) plain[name] = this[name];
    return plain;
  }

  #changed() {
    const plain = { text: this.text, sort: this.sort, ...this.#filters() };
    keptForTab.set(this.#key, JSON.stringify(plain));
    this.dispatchEvent(new Event("change"));
  }

  #restore() {
    let kept = {};
    try {
      kept = JSON.parse(keptForTab.get(this.#key) ?? "{}");
    } catch {
      // Written by another version; begin anew.
    }
    if (typeof kept.text === "string") this.text = kept.text;
    if (kept.sort in SORTS) this.sort = kept.sort;
    if (typeof kept.folder === "string") this.folder = kept.folder;
    for (const name of SETS) this[name] = new Set(Array.isArray(kept[name]) ? kept[name] : []);
    for (const name of FLAGS) this[name] = kept[name] === true;
  }
}

/** That of the tab, and that of the list from which LoRAs are added elsewhere. */
export const query = new LibraryQuery("lora-query");
export const pickerQuery = new LibraryQuery("lora-picker-query");

/** Both have one order. */
for (const [one, other] of [
  [query, pickerQuery],
  [pickerQuery, query],
]) {
  one.addEventListener("change", () => other.sort === one.sort || other.set({ sort: one.sort }));
}

/**
 * The cards that a query lets through as `groups`: what fits the model, what is not known to, what
 * does not, what cannot be used at all. A group has `key`, `title` and `cards`. `forgiven` is what
 * the words were taken for; see `searchFor`.
 */
export function found(asked) {
  const search = searchFor(asked.text);
  const accept = acceptor(asked, search);
  const groups = [
    { key: "fits", title: "", cards: [] },
    { key: "unknown", title: say("filter.unknown", { model: store.modelTitle }), cards: [] },
    { key: "no", title: say("filter.misfits", { model: store.modelTitle }), cards: [] },
    { key: "broken", title: say("filter.broken"), cards: [] },
  ];
  const places = { fits: 0, partly: 0, unknown: 1, no: 2, broken: 3, missing: 3 };
  for (const card of ordered(asked.sort)) {
    if (accept(card)) groups[places[fit(card, store.model)]].cards.push(card);
  }
  return {
    groups: groups.filter((group) => group.cards.length > 0),
    forgiven: search.forgiven,
  };
}

/** As `found`, for words alone, in the order that the lists have. */
export function foundByWords(text) {
  const { sort } = query;
  const sets = Object.fromEntries(SETS.map((name) => [name, new Set()]));
  return found({ ...sets, text, sort, folder: null });
}

function acceptor(query, search) {
  const { folder, experts, families, tagsIn, tagsOut } = query;
  const twins = query.duplicate ? new Set(store.duplicates.flat()) : null;
  const recent = query.recent ? new Set(store.recent) : null;
  return (card) => {
    if (!search.accept(card)) return false;
    if (folder !== null && !isWithin(folderOf(card), folder)) return false;
    if (query.fitting && !fits(card, store.model)) return false;
    if (query.favourite && !card.favourite) return false;
    if (query.broken && usable(card)) return false;
    if (recent && !recent.has(card.name)) return false;
    if (twins && !twins.has(card.name)) return false;
    if (experts.size > 0 && !experts.has(knownKind(card))) return false;
    if (families.size > 0 && !families.has(card.family)) return false;
    if (tagsIn.size + tagsOut.size === 0) return true;
    const tags = tagsOf(card);
    return [...tagsIn].every((tag) => tags.has(tag)) && ![...tagsOut].some((tag) => tags.has(tag));
  };
}

let order = { cards: null, sort: null, sorted: [] };

/** All cards in the chosen order; sorted again only when they or the order have changed. */
function ordered(sort) {
  if (order.cards !== store.cards || order.sort !== sort) {
    const compare = SORTS[sort][1];
    const sorted = [...store.cards].sort((a, b) => compare(a, b) || compareNames(a, b));
    order = { cards: store.cards, sort, sorted };
  }
  return order.sorted;
}

function compareNames(a, b) {
  return collator.compare(a.title ?? a.name, b.title ?? b.name) || collator.compare(a.name, b.name);
}

/** The card's folder relative to the library; "" is the top. */
export function folderOf(card) {
  const path = card.path ?? "";
  return path.slice(0, Math.max(0, path.lastIndexOf("/")));
}

function isWithin(folder, wanted) {
  return folder === wanted || (wanted !== "" && folder.startsWith(`${wanted}/`));
}

const tagSets = new WeakMap();

export function tagsOf(card) {
  let tags = tagSets.get(card);
  if (tags === undefined) {
    tags = new Set((card.metadata?.tags ?? []).map((tag) => tag.toLocaleLowerCase()));
    tagSets.set(card, tags);
  }
  return tags;
}
