/** One LoRA of the stack as a row, and its menu. */

import { actionButton, el } from "../kit/dom.js";
import { movedBy } from "../kit/drag_order.js";
import { openMenu } from "../kit/menu.js";
import { showDetails } from "../library/details.js";
import { expertQuestion } from "../model/expert_question.js";
import { form } from "../model/form.js";
import { grids } from "../model/grid.js";
import {
  concern,
  expertBadge,
  nameBelow,
  otherModels,
  refused,
  thumbnail,
  titleFor,
  titleOf,
  whyNot,
} from "../model/lora_text.js";
import { store } from "../model/store.js";
import { differs, isScheduled, partFor, separable, shownExperts } from "../model/strengths.js";
import { holds, triggerWords } from "../model/trigger_words.js";
import { say } from "../texts/say.js";
import { acceleratorText, inForce, markAccelerator } from "./accelerators.js";
import { askRange } from "./range_dialog.js";
import { strengthControl } from "./strength_control.js";

/** What decides how a row looks, but for the numbers in it. */
export function signature(name, entry) {
  const card = store.byName.get(name);
  const parts = ["high", "low"].map((expert) => partFor(entry.strength, expert));
  return JSON.stringify([
    card && [
      card.title,
      card.expert,
      card.doubt,
      card.is_pair,
      card.status,
      card.thumbnail_version,
    ],
    card && [triggerWords(card), card.strength_range],
    store.model,
    store.loaded && refused(card, store.model) && [concern(card, store.model), form.switches],
    entry.on,
    store.features.fill && Object.keys(form.values),
    shownExperts(entry, card, store.experts),
    differs(entry.strength) || entry.split,
    parts.map((part) => (isScheduled(part) ? part : 0)),
    store.summary?.accelerators?.[name],
    inForce(store.summary?.accelerators?.[name]),
    store.stack.accelerated?.name === name,
    store.summary?.split,
  ]);
}

export function buildRow(name, entry) {
  const card = store.byName.get(name);
  const unfit = store.loaded && refused(card, store.model);
  const classes = ["stack-row", !entry.on && "stack-off", unfit && "card-unfit"];
  const row = el(
    "li",
    { class: classes.filter(Boolean).join(" "), dataset: { name } },
    actionButton("grip", say("stack.move", { name: titleFor(name) }), "grip", {
      class: "icon-button stack-grip",
    }),
    thumbnail(card ?? { name }, "stack-picture"),
    el("div", { class: "stack-name" }, title(name, card), words(name, card)),
    buttons(name, entry),
    strengths(name, entry, card),
    !unfit && accelerator(name),
    store.experts.length === 2 && expertQuestion(card, "stack-ask"),
    unfit && misfit(name, card),
  );
  showWords(row, name);
  return row;
}

function title(name, card) {
  const below = card ? nameBelow(card) : "";
  return el(
    "div",
    { class: "stack-head" },
    el("span", { class: "stack-title", text: card ? titleOf(card) : name, title: name }),
    card && expertBadge(card),
    store.summary?.accelerators?.[name] &&
      el("span", { class: "badge badge-fast", text: say("stack.accelerator") }),
    below && el("span", { class: "stack-file muted", text: below, title: below }),
  );
}

/** The trigger words, each pressed while the prompt holds it. */
function words(name, card) {
  const found = triggerWords(card);
  if (found.length === 0) return null;
  // Where there is no prompt to put them into, they are there to be copied.
  const action = store.features.fill ? "word" : "copy-word";
  return el(
    "div",
    {
      class: "stack-words",
      role: "group",
      "aria-label": say("stack.words", { name: titleFor(name) }),
    },
    found.map((word) =>
      el("button", {
        type: "button",
        class: "word",
        dataset: { action, word },
        title: store.features.fill ? null : say("stack.copyWord", { name: titleFor(name) }),
        text: word,
      }),
    ),
  );
}

export function showWords(row, name) {
  if (!store.features.fill) return;
  for (const chip of row?.querySelectorAll(".word") ?? []) {
    const there = holds(form.values.prompt, chip.dataset.word);
    chip.setAttribute("aria-pressed", String(there));
    chip.title = there
      ? say("stack.wordIn", { name: titleFor(name) })
      : say("stack.wordOut", { name: titleFor(name) });
  }
}

function buttons(name, entry) {
  return el(
    "div",
    { class: "stack-buttons" },
    el(
      "button",
      {
        type: "button",
        class: "switch",
        role: "switch",
        "aria-checked": String(entry.on),
        "aria-label": say("stack.use", { name: titleFor(name) }),
        title: entry.on ? say("stack.off") : say("stack.on"),
        dataset: { action: "switch" },
      },
      el("span", { class: "switch-knob" }),
    ),
    actionButton("menu", say("stack.more", { name: titleFor(name) }), "more", {
      class: "icon-button",
      "aria-haspopup": "menu",
    }),
    actionButton("remove", say("stack.removeOne", { name: titleFor(name) }), "close", {
      class: "icon-button",
    }),
  );
}

function strengths(name, entry, card) {
  const experts = shownExperts(entry, card, store.experts);
  const split = experts.length === 2;
  return el(
    "div",
    { class: "stack-strengths" },
    el(
      "div",
      { class: "stack-controls" },
      experts.map((expert) => strengthControl(name, entry.strength, expert, card)),
    ),
    actionButton("curve", say("strength.overSteps", { name: titleFor(name) }), "curve", {
      class: "icon-button",
    }),
    separable(card, store.experts) &&
      actionButton("split", say("strength.separate", { name: titleFor(name) }), "split", {
        class: "icon-button",
        "aria-pressed": String(split),
      }),
  );
}

/** The button that applies an accelerator's settings, where others are there. */
function accelerator(name) {
  const found = store.summary?.accelerators?.[name];
  if (!found || !store.features.fill) return null;
  const text = acceleratorText(found);
  if (inForce(found) || text === "") return null;
  return el(
    "div",
    { class: "stack-fast" },
    el("button", {
      type: "button",
      class: "button",
      dataset: { action: "accelerate" },
      text: say("accelerator.use", { settings: text }),
    }),
  );
}

/** That it cannot be used, what can be done, and why for whoever asks. */
function misfit(name, card) {
  const why = whyNot(card, store.model);
  const others = form.switches && card ? otherModels(card) : [];
  return el(
    "div",
    { class: "stack-misfit" },
    el("p", { class: "stack-why", text: concern(card, store.model) }),
    el(
      "div",
      { class: "stack-choices" },
      others.length > 0 &&
        choice("switch-model", say("stack.switchModel"), { "aria-haspopup": "menu" }),
      choice("remove", say("action.remove"), {
        "aria-label": say("stack.removeOne", { name: titleFor(name) }),
      }),
    ),
    why.length > 0 &&
      el(
        "details",
        {},
        el("summary", { text: say("coverage.why") }),
        why.map((text) => el("p", { class: "muted", text })),
      ),
  );
}

function choice(action, text, props) {
  return el("button", { type: "button", class: "button", dataset: { action }, text, ...props });
}

/** A menu of the models that a LoRA fits. */
export function openModels(name, button) {
  const items = otherModels(store.byName.get(name)).map((model) => ({
    label: store.titleOfModel(model),
    run: () => form.switchModel(model),
  }));
  openMenu(button, say("stack.models", { name: titleFor(name) }), items);
}

/** What else can be done to it. */
export function openRowMenu(name, button) {
  const known = store.byName.has(name);
  const fast = Boolean(store.summary?.accelerators?.[name]);
  const names = [...store.stack.entries.keys()];
  const place = names.indexOf(name);
  const move = (by) => store.stack.reorder(movedBy(names, name, by));
  const items = [
    { label: say("action.details"), glyph: "info", disabled: !known, run: () => showDetails(name) },
    store.features.compare && {
      label: say("stack.sweep"),
      glyph: "compare",
      run: () => grids.open({ x: { of: "strength", lora: name } }),
    },
    { label: say("range.title"), glyph: "curve", disabled: !known, run: () => askRange(name) },
    {
      label: fast ? say("accelerator.isNone") : say("accelerator.isOne"),
      glyph: "bolt",
      disabled: !known,
      run: () => markAccelerator(name, !fast),
    },
    null,
    { label: say("stack.up"), disabled: place === 0, run: () => move(-1) },
    { label: say("stack.down"), disabled: place === names.length - 1, run: () => move(1) },
    null,
    { label: say("action.remove"), glyph: "close", run: () => store.deselect(name) },
  ];
  openMenu(
    button,
    say("stack.more", { name: titleFor(name) }),
    items.filter((item) => item !== false && item !== undefined),
  );
}
