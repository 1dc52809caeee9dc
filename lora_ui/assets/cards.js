/** One LoRA as a card of the grid. */
import { actionButton, el, icon } from "./dom.js";
import { expertBadge, facts, problem, thumbnail, usable } from "./describe.js";
import { store } from "./store.js";

/** A card; its parts say by `data-action` what a click on them does. */
export function card(lora) {
  const name = lora.name;
  const why = problem(lora, store.model, store.modelTitle);
  const item = el(
    "li",
    { class: `card${why ? " card-unfit" : ""}`, dataset: { name } },
    el(
      "button",
      {
        type: "button",
        class: "card-pick",
        dataset: { action: "pick", name },
        "aria-label": `${name}, ${facts(lora)}${why ? `. ${why}` : ""}`,
        disabled: !usable(lora),
      },
      thumbnail(lora, "card-picture"),
      el("span", { class: "card-tick" }, icon("check")),
      el("span", { class: "card-badges" }, expertBadge(lora)),
      el("span", { class: "card-title", text: name }),
      el("span", { class: "card-facts", text: facts(lora) }),
      why
        ? el("span", { class: "card-why", text: why, title: why })
        : el("span", { class: "card-fit", text: "Fits this model" }),
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
