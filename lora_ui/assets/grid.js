/** The library as a grid of cards: search, sort, filter. */
import { card, showSelected, showWorker } from "./cards.js";
import { fits, usable } from "./describe.js";
import { el, icon } from "./dom.js";
import { megabytes, plural } from "./format.js";
import { store } from "./store.js";

const SORTS = {
  name: ["Name", (a, b) => compareNames(a, b)],
  newest: ["Newest", (a, b) => String(b.upload_date).localeCompare(String(a.upload_date))],
  used: ["Last used", (a, b) => String(b.last_used ?? "").localeCompare(String(a.last_used ?? ""))],
  count: ["Most used", (a, b) => (b.use_count ?? 0) - (a.use_count ?? 0)],
  size: ["Largest", (a, b) => (b.size_mb ?? 0) - (a.size_mb ?? 0)],
};

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

function compareNames(a, b) {
  return collator.compare(a.name, b.name);
}

/** Build the toolbar and the grid; the returned element keeps itself up to date. */
export function createGrid() {
  const search = el("input", {
    type: "search",
    class: "field grid-search",
    placeholder: "Search names, tags and trigger words",
    "aria-label": "Search the library",
  });
  const sort = el(
    "select",
    { class: "field", "aria-label": "Sort by" },
    Object.entries(SORTS).map(([key, [label]]) => el("option", { value: key, text: label })),
  );
  const fitting = el("button", {
    type: "button",
    class: "chip",
    "aria-pressed": "false",
    text: "Fits this model",
  });
  const count = el("p", { class: "grid-count muted", role: "status" });
  const list = el("ul", { class: "cards", "aria-label": "LoRA library" });
  const empty = el("div", { class: "grid-empty" });
  const query = { search, sort, fitting, count, list, empty };
  connect(query);
  return el(
    "section",
    { class: "grid", "aria-label": "Library" },
    el(
      "div",
      { class: "grid-tools" },
      el("span", { class: "search" }, icon("search"), search),
      sort,
      fitting,
      count,
    ),
    list,
    empty,
  );
}

function connect(query) {
  const draw = () => drawCards(query);
  query.search.addEventListener("input", draw);
  query.sort.addEventListener("change", draw);
  query.fitting.addEventListener("click", () => {
    const on = query.fitting.getAttribute("aria-pressed") !== "true";
    query.fitting.setAttribute("aria-pressed", String(on));
    draw();
  });
  store.addEventListener("library", draw);
  store.addEventListener("model", draw);
  const each = (show) => () => query.list.querySelectorAll(".card").forEach(show);
  store.addEventListener("selection", each(showSelected));
  store.addEventListener("worker", each(showWorker));
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable], dialog");
    if (event.key === "/" && !typing && query.search.offsetParent) {
      event.preventDefault();
      query.search.focus();
    }
  });
  draw();
}

function drawCards(query) {
  const shown = found(query);
  query.list.replaceChildren(...shown.map(card));
  query.list.setAttribute("aria-busy", String(!store.loaded));
  query.count.textContent = countText(shown.length);
  query.empty.replaceChildren(...emptyText(shown.length));
}

/** The cards that the query lets through; what fits the model first. */
function found({ search, sort, fitting }) {
  const words = search.value.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const onlyFitting = fitting.getAttribute("aria-pressed") === "true";
  const compare = SORTS[sort.value][1];
  const kept = store.cards.filter(
    (lora) =>
      words.every((word) => searchText(lora).includes(word)) &&
      (!onlyFitting || fits(lora, store.model)),
  );
  const order = (lora) => (fits(lora, store.model) ? 0 : usable(lora) ? 1 : 2);
  return kept.sort((a, b) => order(a) - order(b) || compare(a, b) || compareNames(a, b));
}

const searchTexts = new WeakMap();

function searchText(lora) {
  let text = searchTexts.get(lora);
  if (text === undefined) {
    const { tags = [], trigger_words = [], description = "", author = "" } = lora.metadata ?? {};
    text = [lora.name, lora.filename, description, author, ...tags, ...trigger_words]
      .join("\n")
      .toLocaleLowerCase();
    searchTexts.set(lora, text);
  }
  return text;
}

function countText(shown) {
  const total = store.cards.length;
  const size = store.cards.reduce((sum, lora) => sum + (lora.size_mb ?? 0), 0);
  if (total === 0) return "";
  const all = `${plural(total, "LoRA")}, ${megabytes(size)}`;
  return shown === total ? all : `${shown} of ${all}`;
}

function emptyText(shown) {
  if (shown > 0) return [];
  if (store.problem) {
    return [el("p", { class: "problem", text: store.problem.message })];
  }
  if (!store.loaded) return [el("p", { class: "muted", text: "Reading the library" })];
  if (store.cards.length > 0) {
    return [
      el("p", { text: "No LoRA matches." }),
      el("p", { class: "muted", text: "Clear the search or the filter to see all of them." }),
    ];
  }
  return [
    el("p", { text: "The library is empty." }),
    el("p", {
      class: "muted",
      text: "Drop .safetensors files anywhere on this tab, or choose them above.",
    }),
  ];
}
