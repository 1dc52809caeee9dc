/** One LoRA as a card of the grid. */

import { concern, expertBadge, facts, fit, refused, thumbnail, usable } from "./describe.js";
import { actionButton, el, icon } from "./dom.js";
import { store } from "./store.js";

/** A card; its parts say by `data-action` what a click on them does. */
export function card(lora) {
  const name = lora.name;
  const why = concern(lora, store.model);
  const unfit = refused(lora, store.model);
  const item = el(
    "li",
    { class: `card${unfit ? " card-unfit" : ""}`, dataset: { name } },
    el(
      "button",
      {
        type: "button",
        class: "card-pick",
        dataset: { action: "pick", name },
        disabled: !usable(lora),
      },
      thumbnail(lora, "card-picture"),
      el("span", { class: "card-tick" }, icon("check")),
      el("span", { class: "card-badges" }, expertBadge(lora)),
      el("span", { class: "card-title", text: name }),
      el("span", { class: "card-facts", text: facts(lora) }),
      verdict(lora, why, unfit),
    ),
    el(
      "div",
      { class: "card-actions" },
      el("span", { class: "card-worker" }),
      actionButton("details", `Details of ${name}`, "info", { class: "icon-button" }),
      actionButton("rename", `Rename ${name}`, "pencil", { class: "icon-button" }),
      actionButton("delete", `Delete ${name}`, "trash", { class: "icon-button" }),
    ),
  );
  showSelected(item);
  showWorker(item);
  return item;
}

function verdict(lora, why, unfit) {
  const words = { fits: "Fits this model", partly: "Fits partly", unknown: "Fit not known yet" };
  if (unfit) return el("span", { class: "card-why", text: why, title: why });
  const kind = fit(lora, store.model);
  const className = kind === "fits" ? "card-fit" : "card-why";
  return el("span", { class: className, text: words[kind], title: why });
}

/** Mark a card as selected or not, without building it anew. */
export function showSelected(item) {
  const selected = store.selection.has(item.dataset.name);
  item.classList.toggle("card-selected", selected);
  item.querySelector(".card-pick").setAttribute("aria-pressed", String(selected));
}

/** Say what the worker holds of this LoRA. */
export function showWorker(item) {
  const held = store.workerLoras[item.dataset.name];
  const state = typeof held === "string" ? held : held?.state;
  const label = item.querySelector(".card-worker");
  label.textContent = state && state !== "not loaded" ? state : "";
}
