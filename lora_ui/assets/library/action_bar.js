/** The bar that appears while cards are marked: what can be done to all of them at once. */

import { actionButton, el, icon } from "../kit/dom.js";
import { usable } from "../model/lora_text.js";
import { marks } from "../model/marked.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";
import { copyTriggers, deleteLoras, moveLoras, pairLoras, starLoras, tagLoras } from "./actions.js";
import { canPreview, isTryable, previewLoras } from "./try_lora.js";

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
  const select = button(say("action.select"), "plus", () => {
    for (const card of marks.cards().filter(usable)) {
      if (!store.selection.has(card.name)) store.select(card.name);
    }
    marks.clear();
  });
  select.title = say("bar.selectHint");
  const unmark = actionButton("unmark", say("bar.unmark"), "close", { class: "icon-button" });
  unmark.addEventListener("click", () => marks.clear());
  const pairing = button(say("action.pair"), "pair", () => pairLoras(names()));
  const bar = el(
    "div",
    {
      class: "action-bar",
      role: "toolbar",
      "aria-label": say("bar.label"),
      hidden: true,
    },
    unmark,
    count,
    select,
    button(say("card.favourite"), "star", () => starLoras(names())),
    button(say("bar.tag"), "tag", () => tagLoras(names())),
    button(say("action.move"), "move", () => moveLoras(changeable())),
    button(say("bar.copyTriggers"), "copy", () => copyTriggers(names())),
    canPreview() && button(say("previews.button"), "film", () => previewLoras(previewable())),
    pairing,
    button(say("action.delete"), "trash", () => deleteLoras(changeable()), "button-danger"),
    el("span", { class: "bar-space" }),
    button(say("bar.markAll"), "check", () => marks.replace(shownNames())),
  );
  const draw = () => {
    bar.hidden = marks.size === 0;
    count.textContent = marks.size > 0 ? say("bar.marked", { count: marks.size }) : "";
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
