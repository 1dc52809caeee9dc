/** One LoRA as a card of the grid. */

import { address } from "../kit/api.js";
import { actionButton, el, icon } from "../kit/dom.js";
import { drawSharply } from "../kit/sharp.js";
import { expertQuestion } from "../model/expert_question.js";
import { stateOf } from "../model/lora_states.js";
import {
  concern,
  expertBadge,
  facts,
  familyName,
  fit,
  nameBelow,
  pairText,
  refused,
  thumbnail,
  titleOf,
  usable,
} from "../model/lora_text.js";
import { marks } from "../model/marked.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";
import { canTry, isTryable } from "./try_lora.js";

const PLAYS_AFTER_MS = 150;

/** A card; its parts say by `data-action` what a click on them does. */
export function card(lora) {
  const name = lora.name;
  const item = el(
    "li",
    { class: `card${refused(lora, store.model) ? " card-unfit" : ""}`, dataset: { name } },
    pickButton(lora),
    el(
      "button",
      {
        type: "button",
        class: "card-mark",
        role: "checkbox",
        "aria-label": say("card.selectOne", { title: titleOf(lora) }),
        title: say("action.select"),
        dataset: { action: "mark" },
      },
      icon("check"),
    ),
    actionButton("star", say("card.favouriteOne", { title: titleOf(lora) }), "star", {
      class: "card-star",
    }),
    canTry() && isTryable(lora) && tryButton(lora),
    actionButton("menu", say("card.actions", { title: titleOf(lora) }), "more", {
      class: "card-menu",
      "aria-haspopup": "menu",
    }),
    expertQuestion(lora, "card-ask", { brief: true }),
  );
  if (lora.has_video) playOnHover(item, lora);
  refreshCard(item);
  return item;
}

function tryButton(lora) {
  return el("button", {
    type: "button",
    class: "card-try",
    "aria-label": say("try.one", { title: titleOf(lora) }),
    title: say("try.hint"),
    text: say("try.short"),
    dataset: { action: "try" },
  });
}

function pickButton(lora) {
  const name = lora.name;
  const below = nameBelow(lora);
  return el(
    "button",
    {
      type: "button",
      class: "card-pick",
      dataset: { action: "pick", name },
      disabled: !usable(lora),
    },
    el(
      "span",
      { class: "card-frame" },
      thumbnail(lora, "card-picture"),
      lora.has_video && el("span", { class: "card-moves", title: say("card.moves") }, icon("play")),
      el("span", { class: "card-held" }),
    ),
    el(
      "span",
      { class: "card-words" },
      el("span", { class: "card-title", title: name, text: titleOf(lora) }),
      below && el("span", { class: "card-name", title: name, text: below }),
      el("span", { class: "card-facts" }, expertBadge(lora), " ", facts(lora)),
      verdict(lora),
    ),
  );
}

function verdict(lora) {
  const why = concern(lora, store.model);
  if (refused(lora, store.model)) {
    return el("span", { class: "card-why", text: why, title: why });
  }
  const words = {
    fits: say("card.fits"),
    partly: say("card.partly"),
    unknown: say("card.unknown"),
  };
  const kind = fit(lora, store.model);
  const pair = pairText(lora);
  const open = lora.doubt || lora.missing_half;
  return el("span", {
    class: kind === "fits" && !open ? "card-fit" : "card-why",
    text: [familyName(lora), words[kind], pair].filter(Boolean).join(" · "),
    title: [why, lora.doubt, lora.pair_note].filter(Boolean).join(" "),
  });
}

/** Show what has changed around a card: selection, marks, favourite, what the worker holds. */
export function refreshCard(item) {
  const { name } = item.dataset;
  const lora = store.byName.get(name);
  const selected = store.selection.has(name);
  item.classList.toggle("card-selected", selected);
  item.querySelector(".card-pick").setAttribute("aria-pressed", String(selected));
  item.classList.toggle("card-marked", marks.has(name));
  item.querySelector(".card-mark").setAttribute("aria-checked", String(marks.has(name)));
  const star = item.querySelector(".card-star");
  star.setAttribute("aria-pressed", String(Boolean(lora?.favourite)));
  showHeld(item.querySelector(".card-held"), name, selected);
}

/** What the worker holds of it, or that it is selected. */
function showHeld(label, name, selected) {
  const { state, short, why } = stateOf(name);
  const text = short || (selected ? say("card.selected") : "");
  if (label.textContent !== text) label.textContent = text;
  label.dataset.state = state;
  label.title = why ?? "";
}

function playOnHover(item, lora) {
  let timer = 0;
  const stop = () => {
    clearTimeout(timer);
    item.querySelector("video")?.remove();
  };
  item.addEventListener("pointerenter", () => {
    clearTimeout(timer);
    timer = setTimeout(() => play(item, lora), PLAYS_AFTER_MS);
  });
  item.addEventListener("pointerleave", stop);
}

function play(item, lora) {
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  const video = el("video", {
    class: "card-video",
    src: address("api/loras/video", { name: lora.name, v: lora.thumbnail_version }),
    muted: true,
    loop: true,
    playsinline: true,
    "aria-hidden": "true",
    tabindex: "-1",
  });
  video.muted = true;
  drawSharply(video);
  item.querySelector(".card-frame").append(video);
  video.play().catch(() => video.remove());
}
