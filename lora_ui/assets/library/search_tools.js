/** The search field and the order of a list of LoRAs, and what the list says of what it found. */

import { el, icon } from "../kit/dom.js";
import { SORTS } from "../model/library_query.js";
import { say } from "../texts/say.js";

const MEANT = 3; // words that are named
const EXAMPLES = [
  say("search.tag"),
  say("search.without"),
  say("search.fits"),
  say("search.hash"),
].join("\n");

/** Both follow `query` until `signal`. */
export function searchField(query, signal) {
  const search = el("input", {
    type: "search",
    class: "field grid-search",
    placeholder: say("search.placeholder"),
    "aria-label": say("search.label"),
    title: EXAMPLES,
    value: query.text,
    autocomplete: "off",
    spellcheck: "false",
  });
  search.addEventListener("input", () => query.set({ text: search.value }));
  const follow = () => {
    if (search.value !== query.text) search.value = query.text;
  };
  query.addEventListener("change", follow, { signal });
  return search;
}

export function sortField(query, signal) {
  const sort = el(
    "select",
    { class: "field", "aria-label": say("sort.label") },
    Object.entries(SORTS).map(([key, [label]]) => el("option", { value: key, text: label })),
  );
  const follow = () => {
    if (sort.value !== query.sort) sort.value = query.sort;
  };
  sort.addEventListener("change", () => query.set({ sort: sort.value }));
  query.addEventListener("change", follow, { signal });
  follow();
  return sort;
}

export function searchBox(search, key) {
  return el("span", { class: "search" }, icon("search"), search, key && el("kbd", { text: key }));
}

/** What a word with a typo was taken for: "Nothing has “goldn”. Showing “golden”."; "" if none. */
export function forgivenText(forgiven) {
  return forgiven
    .map(({ word, meant }) => {
      const shown = meant.slice(0, MEANT).map((each) => `“${each}”`);
      return say("search.forgiven", { word, shown: shown.join(", ") });
    })
    .join(" ");
}
