/** Slider and number box for one strength; a small curve where it changes over the steps. */
import { el, icon } from "../kit/dom.js";
import * as format from "../kit/format.js";
import { titleFor } from "../model/lora_text.js";
import { store } from "../model/store.js";
import { isScheduled, parsed, partText, shownPart, withExpert } from "../model/strengths.js";
import { say } from "../texts/say.js";
import { smallCurve } from "./schedule.js";

const STEP = 0.05;
const LABELS = { high: say("expert.highShort"), low: say("expert.lowShort") };

const NAMES = {
  both: (name) => say("strength.of", { name: titleFor(name) }),
  high: (name) => say("strength.ofHigh", { name: titleFor(name) }),
  low: (name) => say("strength.ofLow", { name: titleFor(name) }),
};

export function strengthControl(name, value, expert, card) {
  const part = shownPart(value, expert, card);
  const label = el("span", { class: `strength-label strength-${expert}`, text: LABELS[expert] });
  return el(
    "div",
    { class: "strength" },
    expert !== "both" && label,
    isScheduled(part) ? scheduled(name, part, expert) : simple(name, part, expert, card),
  );
}

function simple(name, number, expert, card) {
  const [min, max] = rangeOf(card);
  const label = NAMES[expert](name);
  const shared = { step: STEP, dataset: { expert }, "aria-label": label };
  const slider = el("input", {
    type: "range",
    min: Math.min(min, number),
    max: Math.max(max, number),
    ...shared,
    value: number,
  });
  fill(slider);
  return [
    slider,
    el("input", {
      type: "text",
      inputmode: "decimal",
      autocomplete: "off",
      class: "field strength-number",
      ...shared,
      value: format.strength(number),
    }),
  ];
}

/** The ends of the slider: the LoRA's own, else the settings'. */
export function rangeOf(card) {
  const { min, max } = store.options.strength;
  return card?.strength_range ?? [min, max];
}

function scheduled(name, part, expert) {
  const strength = NAMES[expert](name);
  return [
    el(
      "button",
      {
        type: "button",
        class: "strength-curve",
        dataset: { action: "curve", expert },
        "aria-label": say("strength.edit", { strength, values: partText(part) }),
      },
      smallCurve(part, expert),
      el("span", { text: partText(part) }),
    ),
    el(
      "button",
      {
        type: "button",
        class: "icon-button",
        dataset: { action: "flat", expert },
        "aria-label": say("strength.flattenOne", { strength }),
        title: say("strength.flatten"),
      },
      icon("undo"),
    ),
  ];
}

/** The slider's coloured part reaches from 0 to the value. */
function fill(slider) {
  const [min, max, value] = [slider.min, slider.max, slider.value].map(Number);
  const at = (number) => `${((Math.max(min, Math.min(max, number)) - min) / (max - min)) * 100}%`;
  slider.style.setProperty("--from", at(Math.min(0, value)));
  slider.style.setProperty("--to", at(Math.max(0, value)));
}

export function typed({ target }) {
  const { expert } = target.dataset;
  const name = target.closest(".stack-row")?.dataset.name;
  if (!expert || name === undefined || target.tagName !== "INPUT") return;
  const number = parsed(target.value);
  target.setAttribute("aria-invalid", String(number === null));
  if (number === null) return;
  store.setStrength(name, withExpert(store.selection.get(name), expert, number));
}

/** A number box that was left shows the strength that counts. */
export function settle({ target }) {
  const name = target.closest(".stack-row")?.dataset.name;
  if (target.type !== "text" || name === undefined) return;
  const { expert } = target.dataset;
  const part = shownPart(store.selection.get(name), expert, store.byName.get(name));
  target.value = format.strength(part);
  target.removeAttribute("aria-invalid");
}

/** Slider and box show the strength that is kept, but for the one that is being typed in. */
export function showStrength(row, name) {
  const value = store.selection.get(name);
  const card = store.byName.get(name);
  for (const input of row?.querySelectorAll(".strength input") ?? []) {
    const number = shownPart(value, input.dataset.expert, card);
    if (isScheduled(number)) continue;
    if (input.type === "range") {
      input.min = Math.min(input.min, number);
      input.max = Math.max(input.max, number);
      input.value = number;
      fill(input);
    } else if (input !== document.activeElement) {
      input.value = format.strength(number);
    }
  }
}
