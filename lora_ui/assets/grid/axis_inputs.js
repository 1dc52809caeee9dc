/**
 * Inputs of an axis, one kind each. `create(id, wanted, changed)` gives `{element, read}`; `read()`
 * gives the axis as `{of, lora, values}`, or a `problem` in words. `wanted` is such an axis, of
 * which all but `of` may be missing; of seeds it has the `count`.
 */
import { el } from "../kit/dom.js";
import { epochsOf } from "../model/epochs.js";
import { form } from "../model/form.js";
import { firstSeed, seedAxis } from "../model/grid.js";
import { EXPERTS } from "../model/grid_text.js";
import { fits, titleFor } from "../model/lora_text.js";
import { store } from "../model/store.js";
import { strengthText } from "../model/strengths.js";
import { say } from "../texts/say.js";
import { createLoraField } from "./lora_field.js";
import { createNamesField } from "./names_field.js";
import { readNumbers } from "./numbers.js";

const USUAL_STRENGTHS = "0, 0.25, 0.5, 0.75, 1";
const STRONGEST = 100;
const USUAL_SEEDS = 4;
const MOST_SEEDS = 100;
const FAST_AT_FIRST = 3;
const KEPT_PROMPTS = "studio-prompts";
const LACKS = {
  strengths: say("grid.lackStrengths"),
  steps: say("grid.lackSteps"),
  lora: say("grid.lackLora"),
  loras: say("grid.lackLoras"),
  experts: say("grid.lackExperts"),
  seeds: say("grid.lackSeeds", { most: MOST_SEEDS }),
  seed: say("grid.lackSeed"),
  prompts: say("grid.lackPrompts"),
};

export const INPUTS = {
  strength: { name: say("grid.ofStrength"), create: strengthInput },
  lora: { name: say("grid.ofLora"), create: loraInput },
  expert: { name: say("grid.ofExpert"), create: expertInput },
  loras: { name: say("grid.ofLoras"), create: lorasInput },
  seed: { name: say("grid.ofSeed"), create: seedInput },
  prompt: { name: say("grid.ofPrompt"), create: promptInput },
  steps: { name: say("grid.ofSteps"), create: stepsInput },
  accelerator: { name: say("grid.ofAccelerator"), create: acceleratorInput },
};

const IN_HOSTS = ["strength", "loras"];

/** The kinds that can be chosen here. */
export function kindsHere() {
  if (!store.features.grid) return IN_HOSTS;
  return Object.keys(INPUTS).filter((of) => of !== "expert" || store.experts.length === 2);
}

function strengthInput(id, wanted, changed) {
  const note = el("p", { class: "muted" });
  const tell = () => {
    note.textContent = strengthNote(lora.value);
  };
  const lora = createLoraField(`${id}-lora`, wanted.lora, () => {
    tell();
    changed();
  });
  const list = textInput(`${id}-strengths`, wanted.values?.join(", ") ?? USUAL_STRENGTHS);
  lora.element.addEventListener("input", tell);
  tell();
  return {
    element: fields(lora.element, labelled(say("grid.strengthsToTry"), list), note),
    read: () => {
      if (lora.value === null) return { problem: LACKS.lora };
      const values = readNumbers(list.value);
      const wrong = !values?.length || values.some((value) => Math.abs(value) > STRONGEST);
      return wrong ? { problem: LACKS.strengths } : { of: "strength", lora: lora.value, values };
    },
  };
}

function strengthNote(name) {
  const value = store.selection.get(name);
  if (value === undefined || typeof value === "number") return "";
  return say("grid.factor", { strength: strengthText(value) });
}

function loraInput(_id, wanted, changed) {
  const place = wanted.lora ?? null;
  const names = Object.keys(store.selected());
  const instead = el(
    "select",
    { class: "field", id: `${_id}-place` },
    el("option", { value: "", text: say("grid.added") }),
    names.map((name) =>
      el("option", { value: name, text: say("grid.inPlace", { lora: titleFor(name) }) }),
    ),
  );
  instead.value = place ?? (wanted.values ? "" : (names[0] ?? ""));
  const first = wanted.values ?? (instead.value ? [instead.value] : []);
  const tags = createNamesField(say("grid.lorasToTry"), first, () => {
    offerEpochs();
    changed();
  });
  const epochs = el("button", { type: "button", class: "button" });
  epochs.addEventListener("click", () => tags.set([...tags.names, ...lacking()]));
  const lacking = () =>
    [...new Set(tags.names.flatMap(epochsOf))].filter((name) => !tags.names.includes(name));
  const offerEpochs = () => {
    const count = lacking().length;
    epochs.hidden = count === 0;
    epochs.textContent = say("grid.epochs", { count });
  };
  tags.buttons.append(epochs);
  offerEpochs();
  instead.addEventListener("change", () => {
    if (instead.value && !tags.names.includes(instead.value)) {
      tags.set([instead.value, ...tags.names]);
    }
  });
  return {
    element: fields(labelled(say("grid.where"), instead), tags.element),
    read: () =>
      tags.values.length === 0
        ? { problem: LACKS.loras }
        : { of: "lora", lora: instead.value || null, values: tags.values },
  };
}

function expertInput(id, wanted, changed) {
  const lora = createLoraField(`${id}-lora`, wanted.lora, changed);
  const chosen = wanted.values ?? ["both", "high", "low"];
  const boxes = Object.entries(EXPERTS).map(([value, text]) => {
    const box = el("input", { type: "checkbox", value });
    box.checked = chosen.includes(value);
    return { box, element: el("label", { class: "grid-check" }, box, text) };
  });
  return {
    element: fields(
      lora.element,
      el("div", { class: "grid-line", role: "group", "aria-label": say("grid.expertsToTry") }, [
        ...boxes.map(({ element }) => element),
      ]),
    ),
    read: () => {
      if (lora.value === null) return { problem: LACKS.lora };
      const values = boxes.filter(({ box }) => box.checked).map(({ box }) => box.value);
      return values.length === 0
        ? { problem: LACKS.experts }
        : { of: "expert", lora: lora.value, values };
    },
  };
}

function lorasInput() {
  return {
    element: el("p", { class: "muted", text: say("grid.lorasNote") }),
    read: () => ({ of: "loras", lora: null, values: ["without", "with"] }),
  };
}

function seedInput(id, wanted) {
  const first = firstSeed(form.values.seed);
  const count = el("input", {
    type: "number",
    class: "field",
    id: `${id}-seeds`,
    min: 1,
    max: MOST_SEEDS,
    step: 1,
    inputmode: "numeric",
    value: String(wanted.count ?? USUAL_SEEDS),
  });
  const read = () => {
    const number = Number(count.value);
    if (first === null) return { problem: LACKS.seed };
    if (!Number.isInteger(number) || number < 1 || number > MOST_SEEDS) {
      return { problem: LACKS.seeds };
    }
    return seedAxis(first, number);
  };
  const note = first === null ? "" : say("grid.seedsFrom", { seed: String(first) });
  return {
    element: fields(
      labelled(say("grid.howManySeeds"), count),
      el("p", { class: "muted", text: note }),
    ),
    read,
  };
}

function promptInput(id, wanted) {
  const text = el("textarea", { class: "field", id: `${id}-prompts`, rows: 5, "data-kept": true });
  text.value = wanted.values?.join("\n") ?? localStorage.getItem(KEPT_PROMPTS) ?? "";
  text.addEventListener("input", () => localStorage.setItem(KEPT_PROMPTS, text.value));
  const lines = () =>
    text.value
      .split("\n")
      .map((line) => line.trim())
      .filter(Boolean);
  return {
    element: labelled(say("grid.prompts"), text),
    read: () => {
      const values = [...new Set(lines())];
      return values.length === 0
        ? { problem: LACKS.prompts }
        : { of: "prompt", lora: null, values };
    },
  };
}

function stepsInput(id, wanted) {
  const now = Number(form.values.steps) || 20;
  const usual = [...new Set([Math.max(1, Math.round(now / 2)), now])];
  const list = textInput(`${id}-steps`, (wanted.values ?? usual).join(", "));
  return {
    element: labelled(say("grid.stepsToTry"), list),
    read: () => {
      const values = readNumbers(list.value, { whole: true });
      const wrong = !values?.length || values.some((value) => value < 1);
      return wrong ? { problem: LACKS.steps } : { of: "steps", lora: null, values };
    },
  };
}

function acceleratorInput(_id, wanted, changed) {
  const usual = store.cards
    .filter((card) => card.accelerator && fits(card, store.model))
    .slice(0, FAST_AT_FIRST)
    .map((card) => card.name);
  const first = wanted.values ?? [null, ...usual];
  const tags = createNamesField(say("grid.acceleratorsToTry"), first, changed);
  return {
    element: fields(tags.element, el("p", { class: "muted", text: say("grid.acceleratorNote") })),
    read: () =>
      tags.values.length === 0
        ? { problem: LACKS.loras }
        : { of: "accelerator", lora: null, values: tags.values },
  };
}

function textInput(id, value) {
  return el("input", { type: "text", class: "field", id, autocomplete: "off", value });
}

function labelled(text, input) {
  return el("div", { class: "grid-field" }, el("label", { for: input.id, text }), input);
}

function fields(...parts) {
  return el("div", { class: "grid-fields" }, parts);
}
