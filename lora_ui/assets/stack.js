/** The selected LoRAs with their strengths; both tabs show one. */
import { concern, expertBadge, refused, thumbnail } from "./describe.js";
import { actionButton, delegate, el } from "./dom.js";
import * as format from "./format.js";
import { store } from "./store.js";
import { isSeparate, parsed, separable, strengthFor, withExpert } from "./strengths.js";

const STEP = 0.05;

/** A list of rows that keeps itself up to date with the selection. */
export function createStack(emptyText) {
  const list = el("ul", { class: "stack", "aria-label": "Selected LoRAs" });
  const empty = el("p", { class: "stack-empty muted", text: emptyText });
  const root = el("div", { class: "stack-box" }, list, empty);
  const draw = () => {
    list.replaceChildren(...[...store.selection.keys()].map(row));
    empty.hidden = store.selection.size > 0;
  };
  for (const event of ["selection", "library", "model"]) store.addEventListener(event, draw);
  store.addEventListener("strength", ({ detail }) => showStrength(list, detail.name));
  list.addEventListener("input", typed);
  list.addEventListener("change", settle);
  delegate(list, "click", clicked);
  draw();
  return root;
}

function row(name) {
  const lora = store.byName.get(name);
  const value = store.selection.get(name);
  const unfit = store.loaded && refused(lora, store.model);
  const canSplit = separable(lora, store.experts);
  const separate = canSplit && isSeparate(value);
  return el(
    "li",
    { class: `stack-row${unfit ? " card-unfit" : ""}`, dataset: { name } },
    thumbnail(lora ?? { name }, "stack-picture"),
    el(
      "div",
      { class: "stack-name" },
      el("span", { class: "stack-title", text: name, title: name }),
      lora && expertBadge(lora),
    ),
    el(
      "div",
      { class: "stack-buttons" },
      canSplit &&
        actionButton(
          "split",
          `Separate strengths for the high and low noise experts of ${name}`,
          "split",
          {
            class: "icon-button",
            "aria-pressed": String(separate),
          },
        ),
      actionButton("remove", `Remove ${name}`, "close", { class: "icon-button" }),
    ),
    el(
      "div",
      { class: "stack-strengths" },
      separate
        ? ["high", "low"].map((expert) => control(name, value, expert))
        : control(name, value, "both"),
    ),
    unfit && el("p", { class: "stack-why", text: concern(lora, store.model) }),
  );
}

function control(name, value, expert) {
  const number = strengthFor(value, expert === "both" ? "high" : expert);
  const { min, max } = store.options.strength;
  const label = expert === "both" ? `Strength of ${name}` : `Strength of ${name}, ${expert} noise`;
  const dataset = { expert };
  const shared = { step: STEP, dataset, "aria-label": label };
  return el(
    "div",
    { class: "strength" },
    expert !== "both" &&
      el("span", { class: "strength-label", text: expert === "high" ? "High" : "Low" }),
    el("input", {
      type: "range",
      min: Math.min(min, number),
      max: Math.max(max, number),
      ...shared,
      value: number,
    }),
    el("input", {
      type: "text",
      inputmode: "decimal",
      class: "field strength-number",
      ...shared,
      value: format.strength(number),
    }),
  );
}

function typed({ target }) {
  const { expert } = target.dataset;
  const name = target.closest(".stack-row")?.dataset.name;
  if (!expert || name === undefined) return;
  const number = parsed(target.value);
  target.setAttribute("aria-invalid", String(number === null));
  if (number === null) return;
  const value = store.selection.get(name);
  store.setStrength(name, expert === "both" ? number : withExpert(value, expert, number));
}

/** A number box that was left shows the strength that counts. */
function settle({ target }) {
  const name = target.closest(".stack-row")?.dataset.name;
  if (target.type !== "text" || name === undefined) return;
  const { expert } = target.dataset;
  target.value = format.strength(
    strengthFor(store.selection.get(name), expert === "both" ? "high" : expert),
  );
  target.removeAttribute("aria-invalid");
}

function showStrength(list, name) {
  const row = [...list.children].find((item) => item.dataset.name === name);
  const value = store.selection.get(name);
  for (const input of row?.querySelectorAll("input") ?? []) {
    const { expert } = input.dataset;
    const number = strengthFor(value, expert === "both" ? "high" : expert);
    if (input.type === "range") {
      input.min = Math.min(input.min, number);
      input.max = Math.max(input.max, number);
    }
    if (input !== document.activeElement || input.type === "range") {
      input.value = input.type === "range" ? number : format.strength(number);
    }
  }
}

function clicked(target) {
  const { name } = target.closest(".stack-row").dataset;
  if (target.dataset.action === "remove") store.deselect(name);
  if (target.dataset.action === "split") {
    const value = store.selection.get(name);
    const high = strengthFor(value, "high");
    store.select(name, isSeparate(value) ? high : { high, low: strengthFor(value, "low") });
  }
}
