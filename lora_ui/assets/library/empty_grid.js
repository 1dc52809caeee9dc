/** What stands where the cards would be when there are none. */
import { el, icon } from "../kit/dom.js";
import { query } from "../model/library_query.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";

/** The elements to show for this number of cards: nothing, or why there are none. */
export function emptyGrid(shown) {
  if (shown > 0) return [];
  if (store.problem) return problem(store.problem);
  if (!store.loaded) return [el("p", { class: "visually-hidden", text: say("empty.reading") })];
  if (store.cards.length > 0) return nothingMatches();
  if (store.progress) return [el("p", { text: say("empty.looking") })];
  return [
    icon("upload"),
    el("p", { class: "empty-title", text: say("empty.title") }),
    el("p", {
      class: "muted",
      text: say("empty.hint"),
    }),
  ];
}

function problem(error) {
  const again = button(say("empty.again"), () => store.refresh());
  return [
    el("p", { class: "empty-title problem", text: error.message }),
    ...(error.suggestions ?? []).map((text) => el("p", { class: "muted", text })),
    again,
  ];
}

function nothingMatches() {
  const words = query.text.trim();
  const clear = button(say("empty.showAll"), () => query.clear());
  return [
    icon("search"),
    el("p", {
      class: "empty-title",
      text: words ? say("empty.noMatchFor", { words }) : say("empty.noMatch"),
    }),
    el("p", {
      class: "muted",
      text: query.filters > 0 ? say("empty.fewerFilters") : say("empty.fewerWords"),
    }),
    clear,
  ];
}

function button(text, act) {
  const made = el("button", { type: "button", class: "button", text });
  made.addEventListener("click", act);
  return made;
}
