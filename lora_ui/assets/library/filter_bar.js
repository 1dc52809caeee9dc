/** The chips that narrow the grid: each says what it does and can be taken back. */

import { unlessPressed } from "../kit/defer_redraw.js";
import { el, icon } from "../kit/dom.js";
import { openPanel } from "../kit/menu.js";
import { libraryFacts } from "../model/library_facts.js";
import { expertName, familyText } from "../model/lora_text.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";
import { createFolders } from "./folders.js";

const KINDS = ["pair", "both", "high", "low", "unsure"];
const TAGS_SHOWN = 200;

/** A row of chips for a query, which follows it until `signal`. */
export function createFilters(query, signal) {
  const box = el("div", { class: "chips", role: "group", "aria-label": say("filter.label") });
  let drawn = null;
  const draw = () => {
    // The chip whose panel is open has to stay where it is.
    if (box.querySelector('[aria-expanded="true"]')) return;
    drawn = query.filterState;
    const focus = box.contains(document.activeElement) ? document.activeElement.dataset.chip : null;
    box.replaceChildren(...new Chips(query, box).all);
    if (focus) refocus(box, focus);
  };
  box.addEventListener("panel-closed", ({ target }) => {
    draw();
    refocus(box, target.dataset.chip);
  });
  query.addEventListener("change", () => query.filterState === drawn || draw(), { signal });
  for (const event of ["library", "model"]) {
    store.addEventListener(event, () => unlessPressed(box, draw), { signal });
  }
  draw();
  return box;
}

/** The chips of one query; `box` holds them. */
class Chips {
  #query;
  #box;

  constructor(query, box) {
    this.#query = query;
    this.#box = box;
  }

  get all() {
    const { broken } = libraryFacts();
    const twins = store.duplicates.length > 0;
    return [
      this.#flag("fitting", say("filter.fits", { model: store.modelTitle })),
      this.#flag("favourite", say("filter.favourites"), "star"),
      (store.recent.length > 0 || this.#query.recent) &&
        this.#flag("recent", say("filter.recent"), "clock"),
      this.#folders(),
      ...this.#kinds(),
      this.#families(),
      this.#tags(),
      ...this.#tagChips(),
      (broken || this.#query.broken) && this.#flag("broken", say("filter.missing")),
      (twins || this.#query.duplicate) &&
        this.#flag("duplicate", say("filter.duplicates"), "twins"),
      this.#query.filters > 0 && this.#clearChip(),
    ].filter(Boolean);
  }

  #flag(name, text, glyph) {
    return chip(
      text,
      this.#query[name],
      () => {
        this.#query.set({ [name]: !this.#query[name] });
        refocus(this.#box, text);
      },
      glyph,
    );
  }

  #kinds() {
    const there = libraryFacts().kinds;
    return KINDS.filter((kind) => there.has(kind) || this.#query.experts.has(kind)).map((kind) =>
      chip(expertName(kind), this.#query.experts.has(kind), () => {
        this.#query.toggle("experts", kind);
        refocus(this.#box, expertName(kind));
      }),
    );
  }

  /** Where there is no room for the tree, a chip opens it. */
  #folders() {
    if (libraryFacts().folders.length === 0) return null;
    const { folder } = this.#query;
    const made = opener(
      folder === null
        ? say("filter.folder")
        : say("filter.folderIs", { folder: folder || say("filter.top") }),
      this.#query.folder !== null,
      () => createFolders(this.#query),
      "folder",
    );
    made.classList.add("chip-folders");
    return made;
  }

  #families() {
    const counts = libraryFacts().families;
    if (counts.size < 2 && this.#query.families.size === 0) return null;
    const text =
      this.#query.families.size > 0
        ? say("filter.familyIs", {
            families: [...this.#query.families].map(familyLabel).join(", "),
          })
        : say("filter.family");
    return opener(text, this.#query.families.size > 0, () =>
      el(
        "ul",
        { class: "choices" },
        [...counts].map(([family, count]) => {
          const box = el("input", { type: "checkbox", checked: this.#query.families.has(family) });
          box.addEventListener("change", () => this.#query.toggle("families", family, box.checked));
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

  #tags() {
    const counts = libraryFacts().tags;
    if (counts.size === 0) return null;
    return opener(
      say("filter.tags"),
      this.#query.tagsIn.size + this.#query.tagsOut.size > 0,
      () => this.#tagList(counts),
      "tag",
    );
  }

  #tagList(counts) {
    const search = el("input", {
      type: "search",
      class: "field",
      placeholder: say("filter.findTag"),
      "aria-label": say("filter.findTag"),
    });
    const list = el("ul", { class: "choices tag-choices" });
    const sorted = [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
    const draw = () => {
      const text = search.value.toLocaleLowerCase().trim();
      const shown = sorted.filter(([tag]) => tag.includes(text)).slice(0, TAGS_SHOWN);
      list.replaceChildren(...shown.map(([tag, count]) => this.#tagChoice(tag, count, draw)));
    };
    search.addEventListener("input", draw);
    draw();
    return [search, list];
  }

  #tagChoice(tag, count, draw) {
    const button = (set, other, label, said) => {
      const on = this.#query[set].has(tag);
      const made = el("button", {
        type: "button",
        class: "chip chip-small",
        "aria-pressed": String(on),
        "aria-label": said,
        text: label,
      });
      made.addEventListener("click", () => {
        this.#query[other].delete(tag);
        this.#query.toggle(set, tag, !on);
        draw();
      });
      return made;
    };
    return el(
      "li",
      {},
      el("span", { class: "choice-name", text: tag }),
      el("span", { class: "muted", text: String(count) }),
      button("tagsIn", "tagsOut", say("filter.with"), say("filter.withTag", { tag })),
      button("tagsOut", "tagsIn", say("filter.without"), say("filter.withoutTag", { tag })),
    );
  }

  #tagChips() {
    const made = (set, said) =>
      [...this.#query[set]].map((tag) => {
        const text = said(tag);
        const button = chip(text, null, () => this.#query.toggle(set, tag, false), "close");
        button.classList.add("chip-on");
        button.setAttribute("aria-label", say("filter.remove", { filter: text }));
        return button;
      });
    return [
      ...made("tagsIn", (tag) => say("filter.withTag", { tag })),
      ...made("tagsOut", (tag) => say("filter.withoutTag", { tag })),
    ];
  }

  #clearChip() {
    const button = chip(
      say("filter.clear"),
      null,
      () => {
        this.#query.clear();
        this.#box.querySelector(".chip")?.focus();
      },
      "close",
    );
    button.classList.add("chip-quiet");
    return button;
  }
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

function refocus(box, text) {
  box.querySelector(`[data-chip="${CSS.escape(text)}"]`)?.focus();
}

function familyLabel(family) {
  return familyText(family) || say("filter.noFamily");
}

function opener(text, on, content, glyph) {
  const button = chip(text, null, () => openPanel(button, text, content(), "panel-choices"), glyph);
  button.append(icon("down"));
  button.classList.toggle("chip-on", on);
  button.setAttribute("aria-haspopup", "dialog");
  button.setAttribute("aria-expanded", "false");
  return button;
}
