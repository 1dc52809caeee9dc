/** One result as a card of the gallery: its poster, what it shows, what can be done. */
import { address } from "../../../lora_ui/assets/kit/api.js";
import { el, icon } from "../../../lora_ui/assets/kit/dom.js";
import { titleFor } from "../../../lora_ui/assets/model/lora_text.js";
import { say } from "../texts/say.js";

export function resultCard(result) {
  const { id } = result;
  const title = result.prompt || say("video.untitled");
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
      labelled("favourite", "star", say("result.favourite")),
      labelled("select", "check", say("result.select")),
      labelled("reuse", "reuse", say("result.reuse")),
      labelled("delete", "trash", say("result.delete")),
    ),
  );
  item.querySelector(".result-poster").addEventListener("error", ({ target }) => {
    target.replaceWith(el("span", { class: "result-poster no-poster", "aria-hidden": "true" }));
  });
  name(item, "delete", say("result.delete"), say("result.deleteOne", { title }));
  name(item, "reuse", say("result.reuse"), say("result.reuseOne", { title }));
  showMarks(item, result, false);
  return item;
}

/** Favourite, selected, titles of LoRAs; the card is not built anew. */
export function showMarks(item, result, chosen) {
  const title = result.prompt || say("video.untitled");
  const star = item.querySelector('[data-action="favourite"]');
  star.setAttribute("aria-pressed", String(result.favourite));
  name(item, "favourite", say("result.favourite"), say("result.favouriteOne", { title }));
  const select = item.querySelector('[data-action="select"]');
  select.setAttribute("aria-pressed", String(chosen));
  name(item, "select", say("result.select"), say("result.selectOne", { title }));
  item.classList.toggle("result-chosen", chosen);
  const line = item.querySelector(".result-facts");
  if (line.textContent !== facts(result)) line.textContent = facts(result);
}

function labelled(action, glyph, label) {
  return el(
    "button",
    { type: "button", class: "icon-button icon-labelled", dataset: { action } },
    icon(glyph),
    el("span", { text: label }),
  );
}

function name(item, action, title, label) {
  const button = item.querySelector(`[data-action="${action}"]`);
  button.setAttribute("aria-label", label);
  button.title = title;
}

function facts(result) {
  return [when(result.created), ...result.loras.map(titleFor)].filter(Boolean).join(" · ");
}

const DAY_NAME = new Intl.DateTimeFormat(undefined, {
  weekday: "long",
  day: "numeric",
  month: "long",
  year: "numeric",
});
const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });

/** The day on which it was made, as a heading: "Today", "Yesterday", or the date. */
export function dayOf(result) {
  const moment = new Date(result.created * 1000);
  const day = new Date();
  if (sameDay(moment, day)) return say("gallery.today");
  day.setDate(day.getDate() - 1);
  return sameDay(moment, day) ? say("gallery.yesterday") : DAY_NAME.format(moment);
}

function sameDay(one, other) {
  return one.toDateString() === other.toDateString();
}

function when(created) {
  return TIME.format(new Date(created * 1000));
}
