/** The bar that appears while cards are marked: what can be done to all of them at once. */

import { actionButton, el, icon } from "../kit/dom.js";
import { usable } from "../model/lora_text.js";
import { marks } from "../model/marked.js";
import { store } from "../model/store.js";
import { copyTriggers, deleteLoras, moveLoras, pairLoras, starLoras, tagLoras } from "./actions.js";
import { canPreview, isTryable, MAKE_PREVIEWS, previewLoras } from "./try_lora.js";

/** `shownNames()` gives the names in the grid, for marking all of them. */
export function createActionBar(shownNames) {
  const count = el("p", { class: "bar-count", role: "status" });
  const names = () => marks.cards().map((card) => card.name);
  const changeable = () =>
    marks
      .cards()
      .filter((card) => !card.read_only)
      .map((card) => card.name);
  const previewable = () =>
    marks
      .cards()
      .filter((card) => isTryable(card) && !card.read_only)
      .map((card) => card.name);
  const select = button("Select", "plus", () => {
    for (const card of marks.cards().filter(usable)) {
      if (!store.selection.has(card.name)) store.select(card.name);
    }
    marks.clear();
  });
  select.title = "Select them for the next video";
  const unmark = actionButton("unmark", "Unmark all", "close", { class: "icon-button" });
  unmark.addEventListener("click", () => marks.clear());
  const pairing = button("Pair", "pair", () => pairLoras(names()));
  const bar = el(
    "div",
    {
      class: "action-bar",
      role: "toolbar",
      "aria-label": "Actions for the marked LoRAs",
      hidden: true,
    },
    unmark,
    count,
    select,
    button("Favourite", "star", () => starLoras(names())),
    button("Tag", "tag", () => tagLoras(names())),
    button("Move", "move", () => moveLoras(changeable())),
    button("Copy triggers", "copy", () => copyTriggers(names())),
    canPreview() && button(MAKE_PREVIEWS, "film", () => previewLoras(previewable())),
    pairing,
    button("Delete", "trash", () => deleteLoras(changeable()), "button-danger"),
    el("span", { class: "bar-space" }),
    button("Mark all", "check", () => marks.replace(shownNames())),
  );
  const draw = () => {
    bar.hidden = marks.size === 0;
    count.textContent = marks.size > 0 ? `${marks.size} marked` : "";
    pairing.hidden = marks.size !== 2 || marks.cards().some((card) => card.is_pair);
  };
  marks.addEventListener("change", draw);
  store.addEventListener("library", draw);
  draw();
  return bar;
}

function button(text, glyph, act, className = "") {
  const made = el(
    "button",
    { type: "button", class: `button ${className}`, title: text },
    icon(glyph),
    el("span", { class: "bar-label", text }),
  );
  made.addEventListener("click", act);
  return made;
}
