/** One result as a card of the gallery: its poster, what it shows, what can be done. */
import { address } from "../../../lora_ui/assets/kit/api.js";
import { el, icon } from "../../../lora_ui/assets/kit/dom.js";
import { titleFor } from "../../../lora_ui/assets/model/lora_text.js";
import { say } from "../texts/say.js";

const MOSAIC = 4; // posters of a grid

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

/** The videos of one grid as one card: it opens the grid. */
export function gridCard(id) {
  const item = el(
    "li",
    { class: "result result-grid", dataset: { id, grid: id } },
    el(
      "button",
      { type: "button", class: "result-open", dataset: { action: "open" } },
      el("span", { class: "result-poster result-mosaic" }),
      el("span", { class: "result-title" }),
      el("span", { class: "result-facts muted" }),
    ),
    el(
      "div",
      { class: "result-actions" },
      labelled("select", "check", say("grid.select")),
      labelled("delete", "trash", say("grid.delete")),
    ),
  );
  return item;
}

/** Bring it up to date with its videos, the newest first. */
export function showGridMarks(item, videos, chosen) {
  const title = say("grid.card", { count: videos.length });
  const { prompt } = videos[0];
  drawMosaic(item.querySelector(".result-mosaic"), videos);
  const words = prompt ? say("grid.cardOf", { grid: title, prompt }) : title;
  setText(item.querySelector(".result-title"), words);
  setText(item.querySelector(".result-facts"), facts(videos[0]));
  const select = item.querySelector('[data-action="select"]');
  select.setAttribute("aria-pressed", String(chosen));
  name(item, "select", say("grid.select"), say("grid.selectOf", { name: words }));
  name(item, "delete", say("grid.delete"), say("grid.deleteOf", { name: words }));
  item.classList.toggle("result-chosen", chosen);
}

function drawMosaic(box, videos) {
  const shown = videos.slice(-MOSAIC);
  const key = shown.map(({ poster_url: url }) => url).join(" ");
  if (box.dataset.key === key) return;
  box.dataset.key = key;
  box.replaceChildren(
    ...shown.reverse().map(({ poster_url: url }) => {
      const image = el("img", { src: address(url), alt: "", loading: "lazy", decoding: "async" });
      image.addEventListener("error", () => image.remove());
      return image;
    }),
  );
}

function setText(element, text) {
  if (element.textContent === text) return;
  element.textContent = text;
  element.title = text;
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
