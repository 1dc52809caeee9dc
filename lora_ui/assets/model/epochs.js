/** Epochs: files of one training, whose names differ only in a count. */
import { folderOf } from "./library_query.js";
import { kindOf, usable } from "./lora_text.js";
import { store } from "./store.js";

const COUNT = [
  /(?<![a-z0-9])(?:epochs?|eps?|e|steps?|s|checkpoint|ckpt|v|ver|version)[-_. ]?\d+(?:\.\d+)*k?(?![a-z0-9])/gi,
  /(?<![a-z0-9])\d+[-_. ]?(?:epochs?|eps?|e|steps?|k)(?![a-z0-9])/gi,
  /(?<![a-z0-9.])\d{4,}(?![a-z0-9])/g,
  /(?<![a-z0-9])(?:final|last)(?![a-z0-9])/gi,
];
const collator = new Intl.Collator("en", { numeric: true });

/** The names of all epochs of a LoRA, its own among them, the first epoch first. */
export function epochsOf(name) {
  const card = store.byName.get(name);
  if (!card) return [];
  const stem = stemOf(name);
  const same = (other) =>
    usable(other) &&
    folderOf(other) === folderOf(card) &&
    kindOf(other) === kindOf(card) &&
    stemOf(other.name) === stem;
  return store.cards
    .filter(same)
    .map((other) => other.name)
    .sort(byCount);
}

/** The file without a count is what the training ended with. */
function byCount(one, other) {
  const [a, b] = [one, other].map((name) => stemOf(name) === plain(name));
  return a - b || collator.compare(one, other);
}

function stemOf(name) {
  return plain(COUNT.reduce((text, pattern) => text.replace(pattern, ""), name));
}

function plain(text) {
  return text
    .toLowerCase()
    .replace(/[-_. ]+/g, " ")
    .trim();
}
