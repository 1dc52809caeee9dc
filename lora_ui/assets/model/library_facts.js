/** What the whole library has, counted once for each reading of it. */

import { folderOf, tagsOf } from "./library_query.js";
import { knownKind, usable } from "./lora_text.js";
import { store } from "./store.js";

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
let kept = { cards: null };

/**
 * `kinds` of experts, counts by `families` and `tags`, paths of `folders`, the `size` in MB, and
 * whether anything is `broken`.
 */
export function libraryFacts() {
  if (kept.cards !== store.cards) kept = counted(store.cards, store.folders);
  return kept;
}

function counted(cards, folders) {
  return {
    cards,
    kinds: new Set(cards.map(knownKind)),
    families: countBy(cards, (card) => [card.family]),
    tags: countBy(cards, tagsOf),
    folders: pathsOf(cards, folders),
    size: cards.reduce((sum, card) => sum + (card.size_mb ?? 0), 0),
    broken: cards.some((card) => !usable(card)),
  };
}

/** Every folder's path, from the cards and from the library's own list. */
function pathsOf(cards, folders) {
  const paths = new Set(folders);
  for (const card of cards) paths.add(folderOf(card));
  paths.delete("");
  return [...paths].sort(collator.compare);
}

function countBy(cards, keysOf) {
  const counts = new Map();
  for (const card of cards) {
    for (const key of keysOf(card)) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}
