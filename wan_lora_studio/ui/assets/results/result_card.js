/** One result as a card of the gallery: its poster, what it shows, what can be done. */
import { address } from "../../../lora_ui/assets/kit/api.js";
import { actionButton, el, icon } from "../../../lora_ui/assets/kit/dom.js";

export function resultCard(result) {
  const { id } = result;
  const title = result.prompt || "Video without a prompt";
  const item = el(
    "li",
    { class: "result", dataset: { id } },
    el(
      "button",
      { type: "button", class: "result-open", dataset: { action: "open" } },
      el("img", {
        class: "result-poster",
        src: address(result.poster_url),
        alt: "",
        loading: "lazy",
        decoding: "async",
      }),
      el("span", { class: "result-title", text: title, title }),
      el("span", { class: "result-facts muted", text: facts(result) }),
    ),
    el(
      "div",
      { class: "result-actions" },
      iconButton("favourite", "star"),
      iconButton("compare", "columns"),
      iconButton("reuse", "reuse"),
      actionButton("delete", "", "trash", { class: "icon-button" }),
    ),
  );
  item.querySelector(".result-poster").addEventListener("error", ({ target }) => {
    target.replaceWith(el("span", { class: "result-poster no-poster", "aria-hidden": "true" }));
  });
  name(item, "delete", `Delete: ${title}`);
  name(item, "reuse", `Reuse the settings of: ${title}`);
  showMarks(item, result, false);
  return item;
}

/** Favourite and chosen for comparison; the card is not built anew. */
export function showMarks(item, result, chosen) {
  const title = result.prompt || "Video without a prompt";
  const star = item.querySelector('[data-action="favourite"]');
  star.setAttribute("aria-pressed", String(result.favourite));
  name(item, "favourite", `Favourite: ${title}`);
  const compare = item.querySelector('[data-action="compare"]');
  compare.setAttribute("aria-pressed", String(chosen));
  name(item, "compare", `Compare: ${title}`);
  item.classList.toggle("result-chosen", chosen);
}

function iconButton(action, glyph) {
  return el("button", { type: "button", class: "icon-button", dataset: { action } }, icon(glyph));
}

function name(item, action, label) {
  const button = item.querySelector(`[data-action="${action}"]`);
  button.setAttribute("aria-label", label);
  button.title = label.split(":")[0];
}

function facts(result) {
  return [when(result.created), ...result.loras].filter(Boolean).join(" · ");
}

const DAY = 86_400_000;
const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DATE = new Intl.DateTimeFormat(undefined, {
  day: "numeric",
  month: "short",
  year: "numeric",
});

/** "14:05" today, "Yesterday", or the date. */
function when(created) {
  const moment = new Date(created * 1000);
  const today = new Date();
  today.setHours(0, 0, 0, 0);
  if (moment >= today) return TIME.format(moment);
  if (moment >= today - DAY) return "Yesterday";
  return DATE.format(moment);
}
