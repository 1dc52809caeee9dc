/** The videos that were made with a LoRA. */
import { address } from "../kit/api.js";
import { el } from "../kit/dom.js";
import * as library from "../model/library_api.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";

const SHOWN = 8;

/** The section; it says what it finds as soon as it has asked. */
export function usesSection(name) {
  const text = el("p", { class: "muted", text: usedText(name) });
  const list = el("ul", { class: "uses" });
  if (store.features.results) ask(name, text, list);
  return el(
    "section",
    { class: "details-uses" },
    el("h3", { text: say("uses.title") }),
    text,
    list,
  );
}

async function ask(name, text, list) {
  try {
    const { results, total } = await library.results(name, SHOWN);
    if (total > 0) text.textContent = say("uses.here", { used: usedText(name), count: total });
    list.replaceChildren(...results.map(use));
  } catch {
    // Without an index of results the count above is all that is known.
  }
}

function usedText(name) {
  const lora = store.byName.get(name);
  if (!lora?.use_count) return say("uses.none");
  const count = lora.use_count;
  if (!lora.last_used) return say("uses.count", { count });
  return say("uses.countLast", { count, when: new Date(lora.last_used).toLocaleString() });
}

function use(result) {
  const said = saidOf(result);
  return el(
    "li",
    {},
    el(
      "a",
      {
        href: address(result.video_url),
        target: "_blank",
        rel: "noopener",
        title: said,
        "aria-label": said,
      },
      result.poster_url
        ? el("img", { src: address(result.poster_url), alt: said, loading: "lazy" })
        : el("span", { class: "no-thumbnail", text: say("uses.video") }),
    ),
  );
}

/** A video in words. */
export function saidOf({ prompt, seed }) {
  return seed === null ? prompt : say("uses.withSeed", { prompt, seed: String(seed) });
}
