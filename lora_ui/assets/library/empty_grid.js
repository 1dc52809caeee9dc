/** What stands where the cards would be when there are none. */
import { el, icon } from "../kit/dom.js";
import { query } from "../model/library_query.js";
import { store } from "../model/store.js";

/** The elements to show for this number of cards: nothing, or why there are none. */
export function emptyGrid(shown) {
  if (shown > 0) return [];
  if (store.problem) return problem(store.problem);
  if (!store.loaded) return [el("p", { class: "visually-hidden", text: "Reading the library" })];
  if (store.cards.length > 0) return nothingMatches();
  if (store.progress) return [el("p", { text: "Looking through the LoRA folder" })];
  return [
    icon("upload"),
    el("p", { class: "empty-title", text: "The library is empty." }),
    el("p", {
      class: "muted",
      text: "Drop .safetensors files or whole folders anywhere on this tab, or choose them above.",
    }),
  ];
}

function problem(error) {
  const again = button("Try again", () => store.refresh());
  return [
    el("p", { class: "empty-title problem", text: error.message }),
    ...(error.suggestions ?? []).map((text) => el("p", { class: "muted", text })),
    again,
  ];
}

function nothingMatches() {
  const words = query.text.trim();
  const clear = button("Show all LoRAs", () => query.clear());
  return [
    icon("search"),
    el("p", {
      class: "empty-title",
      text: words ? `No LoRA matches “${words}”.` : "No LoRA matches.",
    }),
    el("p", {
      class: "muted",
      text: query.filters > 0 ? "Fewer words or fewer filters may find it." : "Try fewer words.",
    }),
    clear,
  ];
}

function button(text, act) {
  const made = el("button", { type: "button", class: "button", text });
  made.addEventListener("click", act);
  return made;
}
