/** The chips that narrow the grid: each says what it does and can be taken back. */

import { unlessPressed } from "../kit/defer_redraw.js";
import { el, icon } from "../kit/dom.js";
import { openPanel } from "../kit/menu.js";
import { libraryFacts } from "../model/library_facts.js";
import { query } from "../model/library_query.js";
import { expertName, familyText } from "../model/lora_text.js";
import { store } from "../model/store.js";
import { createFolders } from "./folders.js";

const KINDS = ["pair", "both", "high", "low", "unsure"];
const TAGS_SHOWN = 200;

/** A row of chips that keeps itself up to date. */
export function createFilters() {
  const box = el("div", { class: "chips", role: "group", "aria-label": "Filters" });
  let drawn = null;
  const draw = () => {
    // The chip whose panel is open has to stay where it is.
    if (box.querySelector('[aria-expanded="true"]')) return;
    drawn = query.filterState;
    const focus = box.contains(document.activeElement) ? document.activeElement.dataset.chip : null;
    box.replaceChildren(...chips());
    if (focus) refocus(focus);
  };
  box.addEventListener("panel-closed", ({ target }) => {
    draw();
    refocus(target.dataset.chip);
  });
  query.addEventListener("change", () => query.filterState === drawn || draw());
  for (const event of ["library", "model"]) {
    store.addEventListener(event, () => unlessPressed(box, draw));
  }
  draw();
  return box;
}

function chips() {
  const { broken } = libraryFacts();
  const twins = store.duplicates.length > 0;
  return [
    flag("fitting", `Fits ${store.modelTitle}`),
    flag("favourite", "Favourites", "star"),
    folders(),
    ...kinds(),
    families(),
    tags(),
    ...tagChips(),
    (broken || query.broken) && flag("broken", "Missing or broken"),
    (twins || query.duplicate) && flag("duplicate", "Duplicates", "twins"),
    query.filters > 0 && clearChip(),
  ].filter(Boolean);
}

function chip(text, pressed, act, glyph) {
  const button = el(
    "button",
    { type: "button", class: "chip", "aria-pressed": pressed === null ? null : String(pressed) },
    glyph && icon(glyph),
    el("span", { text }),
  );
  button.addEventListener("click", act);
  // A click draws the chips anew; the keyboard stays where it was.
  button.dataset.chip = text.split(":")[0];
  return button;
}

function refocus(text) {
  document.querySelector(`.chips [data-chip="${CSS.escape(text)}"]`)?.focus();
}

function flag(name, text, glyph) {
  return chip(
    text,
    query[name],
    () => {
      query.set({ [name]: !query[name] });
      refocus(text);
    },
    glyph,
  );
}

function kinds() {
  const there = libraryFacts().kinds;
  return KINDS.filter((kind) => there.has(kind) || query.experts.has(kind)).map((kind) =>
    chip(expertName(kind), query.experts.has(kind), () => {
      query.toggle("experts", kind);
      refocus(expertName(kind));
    }),
  );
}

/** Where there is no room for the tree, a chip opens it. */
function folders() {
  if (libraryFacts().folders.length === 0) return null;
  const name = query.folder === null ? "" : `: ${query.folder || "top"}`;
  const made = opener(`Folder${name}`, query.folder !== null, createFolders, "folder");
  made.classList.add("chip-folders");
  return made;
}

function families() {
  const counts = libraryFacts().families;
  if (counts.size < 2 && query.families.size === 0) return null;
  const text =
    query.families.size > 0
      ? `Family: ${[...query.families].map(familyLabel).join(", ")}`
      : "Family";
  return opener(text, query.families.size > 0, () =>
    el(
      "ul",
      { class: "choices" },
      [...counts].map(([family, count]) => {
        const box = el("input", { type: "checkbox", checked: query.families.has(family) });
        box.addEventListener("change", () => query.toggle("families", family, box.checked));
        return el(
          "li",
          {},
          el(
            "label",
            {},
            box,
            familyLabel(family),
            el("span", { class: "muted", text: String(count) }),
          ),
        );
      }),
    ),
  );
}

function familyLabel(family) {
  return familyText(family) || "Not known";
}

function tags() {
  const counts = libraryFacts().tags;
  if (counts.size === 0) return null;
  return opener("Tags", query.tagsIn.size + query.tagsOut.size > 0, () => tagList(counts), "tag");
}

function tagList(counts) {
  const search = el("input", {
    type: "search",
    class: "field",
    placeholder: "Find a tag",
    "aria-label": "Find a tag",
  });
  const list = el("ul", { class: "choices tag-choices" });
  const sorted = [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
  const draw = () => {
    const text = search.value.toLocaleLowerCase().trim();
    const shown = sorted.filter(([tag]) => tag.includes(text)).slice(0, TAGS_SHOWN);
    list.replaceChildren(...shown.map(([tag, count]) => tagChoice(tag, count, draw)));
  };
  search.addEventListener("input", draw);
  draw();
  return [search, list];
}

function tagChoice(tag, count, draw) {
  const button = (set, other, label) => {
    const on = query[set].has(tag);
    const made = el("button", {
      type: "button",
      class: "chip chip-small",
      "aria-pressed": String(on),
      "aria-label": `${label} ${tag}`,
      text: label,
    });
    made.addEventListener("click", () => {
      query[other].delete(tag);
      query.toggle(set, tag, !on);
      draw();
    });
    return made;
  };
  return el(
    "li",
    {},
    el("span", { class: "choice-name", text: tag }),
    el("span", { class: "muted", text: String(count) }),
    button("tagsIn", "tagsOut", "With"),
    button("tagsOut", "tagsIn", "Without"),
  );
}

function tagChips() {
  const made = (set, words) =>
    [...query[set]].map((tag) => {
      const text = `${words} ${tag}`;
      const button = chip(text, null, () => query.toggle(set, tag, false), "close");
      button.classList.add("chip-on");
      button.setAttribute("aria-label", `Remove the filter: ${text}`);
      return button;
    });
  return [...made("tagsIn", "with"), ...made("tagsOut", "without")];
}

function opener(text, on, content, glyph) {
  const button = chip(text, null, () => openPanel(button, text, content(), "panel-choices"), glyph);
  button.append(icon("down"));
  button.classList.toggle("chip-on", on);
  button.setAttribute("aria-haspopup", "dialog");
  button.setAttribute("aria-expanded", "false");
  return button;
}

function clearChip() {
  const button = chip(
    "Clear filters",
    null,
    () => {
      query.clear();
      document.querySelector(".chips .chip")?.focus();
    },
    "close",
  );
  button.classList.add("chip-quiet");
  return button;
}
