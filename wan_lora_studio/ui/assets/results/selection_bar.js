/** The bar for the videos that are selected in the gallery: what can be done to all of them. */
import { address } from "../../../lora_ui/assets/kit/api.js";
import { el, icon } from "../../../lora_ui/assets/kit/dom.js";
import { say } from "../texts/say.js";
import { addToSet, lorasOf } from "./add_to_set.js";
import { compareResults } from "./compare_results.js";
import { deleteResults } from "./result_actions.js";

const MOST_ZIPPED = 200;
const APART_MS = 400; // a browser takes downloads that come at once for one

/** `selected()` gives the results, `clear()` selects none. */
export function createSelectionBar(selected, clear) {
  const count = el("p", { role: "status" });
  const compare = button(say("gallery.compare"), "columns", () => compareResults(selected()));
  const zip = button(say("gallery.zip"), "save", () => {
    const url = new URL(address("api/results/archive"));
    for (const { id } of selected()) url.searchParams.append("id", id);
    save(url.href);
  });
  const each = button(say("gallery.save"), "save", () => saveEach(selected()));
  const set = button(say("gallery.addToSet"), "layers", () => addToSet(selected()));
  const element = el(
    "div",
    { class: "gallery-bar", role: "toolbar", "aria-label": say("gallery.selected"), hidden: true },
    count,
    compare,
    each,
    zip,
    set,
    button(say("result.delete"), "trash", async () => {
      const results = selected();
      clear();
      await deleteResults(results);
    }),
    button(say("gallery.clear"), "close", clear),
  );
  const draw = () => {
    const { length } = selected();
    element.hidden = length === 0;
    count.textContent = say("gallery.selectedCount", { count: length });
    compare.hidden = length !== 2;
    set.hidden = lorasOf(selected()).length === 0;
    zip.hidden = length < 2 || length > MOST_ZIPPED;
    each.lastElementChild.textContent = length > 1 ? say("gallery.saveEach") : say("gallery.save");
  };
  return { element, draw };
}

function button(text, glyph, act) {
  const made = el("button", { type: "button", class: "button" }, icon(glyph), el("span", { text }));
  made.addEventListener("click", act);
  return made;
}

function saveEach(results) {
  results.forEach(({ id }, index) => {
    const url = address(`api/results/${encodeURIComponent(id)}/video`, { download: true });
    setTimeout(() => save(url), index * APART_MS);
  });
}

function save(url) {
  const link = el("a", { href: url, download: "" });
  document.body.append(link);
  link.click();
  link.remove();
}
