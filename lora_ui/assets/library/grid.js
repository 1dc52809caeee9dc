/** The library: its tools, its folders and the grid of cards. */

import { unlessPressed } from "../kit/defer_redraw.js";
import { el, icon } from "../kit/dom.js";
import { megabytes } from "../kit/format.js";
import { keptForGood } from "../kit/kept.js";
import { libraryFacts } from "../model/library_facts.js";
import { found, query } from "../model/library_query.js";
import { marks } from "../model/marked.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";
import { DENSITIES } from "./card_layout.js";
import { emptyGrid } from "./empty_grid.js";
import { createFilters } from "./filter_bar.js";
import { createFolderNotes } from "./folder_notes.js";
import { createFolders } from "./folders.js";
import { createRefreshLine } from "./refresh_line.js";
import { forgivenText, searchBox, searchField, sortField } from "./search_tools.js";
import { CardGrid } from "./virtual_grid.js";

const DENSITY_KEY = "lora-density";

/** Build everything; `element` keeps itself up to date, `grid` is the CardGrid in it. */
export function createLibrary() {
  const grid = new CardGrid();
  const search = searchField(query);
  const count = el("p", { class: "grid-count muted", role: "status" });
  const empty = el("div", { class: "empty-place grid-empty" });
  const tools = el(
    "div",
    { class: "grid-tools" },
    searchBox(search, "/"),
    sortField(query),
    densityButtons(grid),
  );
  const element = el(
    "section",
    { class: "library", "aria-label": say("library.title") },
    el("h2", { class: "visually-hidden", text: say("library.title") }),
    tools,
    createFilters(query),
    el(
      "div",
      { class: "library-body" },
      createFolders(query),
      el(
        "div",
        { class: "library-cards" },
        el("div", { class: "library-line" }, count, createRefreshLine()),
        createFolderNotes(),
        grid.element,
        empty,
      ),
    ),
  );
  const draw = () => {
    if (!store.loaded) {
      grid.showSkeletons();
      grid.element.hidden = store.problem !== null;
      empty.replaceChildren(...emptyGrid(0));
      return;
    }
    const { groups, forgiven } = found(query);
    const shown = groups.reduce((sum, group) => sum + group.cards.length, 0);
    grid.element.hidden = shown === 0;
    grid.show(groups);
    count.textContent = [countText(shown), forgivenText(forgiven)].filter(Boolean).join(". ");
    empty.replaceChildren(...emptyGrid(shown));
  };
  query.addEventListener("change", draw);
  store.addEventListener("library", () => unlessPressed(grid.element, draw));
  store.addEventListener("model", () => {
    draw();
    grid.rebuild();
  });
  for (const event of ["selection", "worker"]) store.addEventListener(event, () => grid.refresh());
  marks.addEventListener("change", () => grid.refresh());
  draw();
  return { element, grid, search, tools };
}

function densityButtons(grid) {
  const kept = keptForGood.get(DENSITY_KEY);
  const buttons = Object.entries(DENSITIES).map(([key, { label, glyph }]) => {
    const button = el(
      "button",
      {
        type: "button",
        class: "segment",
        "aria-label": label,
        title: label,
        dataset: { density: key },
      },
      icon(glyph),
    );
    button.addEventListener("click", () => choose(key));
    return button;
  });
  const choose = (density) => {
    keptForGood.set(DENSITY_KEY, density);
    grid.setDensity(density);
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.density === grid.density));
    }
  };
  choose(kept in DENSITIES ? kept : "medium");
  return el(
    "div",
    { class: "segments", role: "group", "aria-label": say("density.label") },
    buttons,
  );
}

function countText(shown) {
  const total = store.cards.length;
  if (total === 0) return "";
  const whole = { count: total, size: megabytes(libraryFacts().size) };
  if (shown === total) return say("library.count", whole);
  return say("library.shown", { ...whole, shown });
}

/** A line over the tab while the program does not answer. */
export function connectionNote() {
  const note = el("div", { class: "connection-note", role: "alert", hidden: true });
  const draw = () => {
    note.hidden = store.connected;
    note.replaceChildren(
      ...(store.connected
        ? []
        : [
            icon("info"),
            el("p", {
              text: say("library.disconnected"),
            }),
          ]),
    );
  };
  store.addEventListener("connection", draw);
  draw();
  return note;
}
