/** The strength of a LoRA over the steps: a curve to draw, a list to type, WanGP's notation. */
import { request } from "../kit/api.js";
import { unlessPressed } from "../kit/defer_redraw.js";
import { openDialog } from "../kit/dialogs.js";
import { actionButton, delegate, el } from "../kit/dom.js";
import * as format from "../kit/format.js";
import { form } from "../model/form.js";
import { titleOf } from "../model/lora_text.js";
import { store } from "../model/store.js";
import { pointsOf } from "../model/strength_line.js";
import {
  differs,
  parsed,
  partFor,
  separable,
  shownExperts,
  shownPart,
} from "../model/strengths.js";
import { say } from "../texts/say.js";
import { added, fractionOf, moved, partOf, removed, SHAPES, stepOf } from "./schedule.js";
import { drawSchedule } from "./schedule_drawing.js";
import { rangeOf } from "./strength_control.js";

const NAMES = {
  both: say("expert.bothExperts"),
  high: say("expert.high"),
  low: say("expert.low"),
};

export function editSchedule(name) {
  const entry = store.stack.entries.get(name);
  const card = store.byName.get(name);
  const plan = planFor(card, entry);
  const view = createView(plan, separable(card, store.experts));
  const use = el("button", {
    type: "button",
    class: "button button-primary",
    text: say("schedule.use"),
  });
  const cancel = el("button", { type: "button", class: "button", text: say("dialog.cancel") });
  const dialog = openDialog(say("schedule.title", { title: titleOf(card) || name }), view.element, {
    className: "dialog-schedule",
    buttons: [cancel, use],
  });
  connect(view, plan);
  cancel.addEventListener("click", () => dialog.close());
  use.addEventListener("click", () => {
    store.stack.reshape(name, strengthOf(plan));
    dialog.close();
  });
  draw(view, plan);
  const resized = new ResizeObserver(() => draw(view, plan));
  resized.observe(view.drawing);
  const learn = () => learnSplit(view, plan);
  store.addEventListener("summary", learn);
  dialog.addEventListener("close", () => {
    resized.disconnect();
    store.removeEventListener("summary", learn);
  });
  view.drawing.querySelector(".handle")?.focus();
}

function planFor(card, entry) {
  const row = store.options.models[store.model] ?? {};
  const steps = Math.max(1, Math.min(1000, form.values.steps || row.steps || 20));
  const experts = shownExperts(entry, card, store.experts);
  const curves = Object.fromEntries(
    experts.map((expert) => [expert, pointsOf(shownPart(entry.strength, expert, card))]),
  );
  const values = Object.values(curves).flatMap((points) => points.map(([, value]) => value));
  const [min, max] = rangeOf(card);
  const range = [Math.min(min, 0, ...values), Math.max(max, ...values)];
  return { curves, steps, split: splitOf(steps), range };
}

/** The steps of each expert, as far as the server has told for this number of steps. */
function splitOf(steps) {
  const two = store.experts.length === 2;
  const known = store.summary?.split;
  const told = two && known && known.high + known.low === steps;
  return { ...(told ? known : { high: steps, low: 0 }), two };
}

/** The server may tell only after the editor was opened. */
function learnSplit(view, plan) {
  const { high } = splitOf(plan.steps);
  if (high === plan.split.high || high === plan.steps) return;
  plan.split = splitOf(plan.steps);
  const { expert, index } = document.activeElement?.dataset ?? {};
  const onHandle = view.drawing.contains(document.activeElement);
  draw(view, plan, onHandle ? { expert, index } : null);
}

function strengthOf({ curves }) {
  if (curves.both) return { strength: partOf(curves.both), split: false };
  return { strength: { high: partOf(curves.high), low: partOf(curves.low) }, split: true };
}

function createView(plan, canSplit) {
  const separate = el("input", { type: "checkbox", id: "schedule-separate" });
  separate.checked = plan.curves.both === undefined;
  const written = el("input", {
    type: "text",
    class: "field",
    id: "schedule-text",
    autocomplete: "off",
    placeholder: "1,0.5;0.2",
  });
  const problem = el("p", { class: "problem", role: "alert" });
  const drawing = el("div", { class: "schedule-drawing" });
  const lists = el("div", { class: "schedule-lists" });
  const line = el(
    "form",
    { class: "schedule-text" },
    el("label", {
      for: "schedule-text",
      text: say("schedule.notation"),
    }),
    el(
      "div",
      {},
      written,
      el("button", { type: "submit", class: "button", text: say("schedule.read") }),
    ),
    problem,
  );
  const note = el("p", { class: "muted schedule-note" });
  const element = el(
    "div",
    { class: "schedule-editor" },
    note,
    drawing,
    canSplit &&
      el(
        "label",
        { class: "schedule-separate", for: "schedule-separate" },
        separate,
        say("schedule.separate"),
      ),
    lists,
    line,
  );
  return { element, drawing, lists, separate, written, problem, line, note };
}

function connect(view, plan) {
  view.separate.addEventListener("change", () => {
    const { curves } = plan;
    const first = curves.both ?? curves.high;
    plan.curves = view.separate.checked
      ? { high: pointsOf(first), low: pointsOf(first) }
      : { both: first };
    draw(view, plan);
  });
  view.line.addEventListener("submit", (event) => {
    event.preventDefault();
    readText(view, plan);
  });
  delegate(view.lists, "click", (target) => clicked(target, view, plan));
  view.lists.addEventListener("change", ({ target }) => typed(target, view, plan));
}

function draw(view, plan, focus = null) {
  const { steps, split } = plan;
  view.note.textContent = noteText(steps, split);
  drawSchedule(view.drawing, plan, (expert, points, index) => {
    plan.curves = { ...plan.curves, [expert]: points };
    draw(view, plan, { expert, index });
  });
  const kept = keyOf(document.activeElement, view.lists);
  view.lists.replaceChildren(
    ...Object.entries(plan.curves).map(([expert, points]) => list(plan, expert, points)),
  );
  if (kept) view.lists.querySelector(kept)?.focus();
  if (focus) {
    const place = `[data-expert="${focus.expert}"][data-index="${focus.index}"]`;
    view.drawing.querySelector(`.handle${place}`)?.focus({ preventScroll: true });
  }
}

function noteText(steps, split) {
  if (!split.two) return say("schedule.oneExpert", { count: steps });
  if (split.low === 0) return say("schedule.allHigh", { steps });
  if (split.high === 0) return say("schedule.allLow", { steps });
  return say("schedule.handover", { step: split.high, steps });
}

function keyOf(element, host) {
  if (!host.contains(element)) return null;
  const { expert, index, field, action } = element.dataset;
  const rest = [index && `[data-index="${index}"]`, field && `[data-field="${field}"]`];
  return `${action ? `[data-action="${action}"]` : "input"}[data-expert="${expert}"]${rest.filter(Boolean).join("")}`;
}

function list(plan, expert, points) {
  return el(
    "fieldset",
    { class: "schedule-list" },
    el("legend", { class: `curve-${expert}`, text: NAMES[expert] }),
    el(
      "ol",
      {},
      points.map((point, index) => row(plan, expert, points, point, index)),
    ),
    el(
      "div",
      { class: "schedule-shapes" },
      el("button", {
        type: "button",
        class: "button",
        dataset: { action: "add", expert },
        text: say("schedule.add"),
      }),
      Object.keys(SHAPES).map((shape) =>
        el("button", {
          type: "button",
          class: "button button-quiet",
          dataset: { action: "shape", expert, shape },
          text: shape,
        }),
      ),
    ),
  );
}

function row({ steps, split }, expert, points, [at, value], index) {
  const start = index === 0 && expert === "low" ? split.high / steps : at;
  const place = { expert: NAMES[expert], point: index + 1 };
  const box = (field, shown, label) =>
    el("input", {
      type: "text",
      inputmode: "decimal",
      class: "field strength-number",
      "aria-label": label,
      dataset: { expert, index, field },
      disabled: field === "step" && index === 0,
      value: shown,
    });
  return el(
    "li",
    {},
    el("span", { text: say("schedule.fromStep") }),
    box("step", String(stepOf(start, steps)), say("schedule.stepOf", place)),
    el("span", { text: say("schedule.at") }),
    box("value", format.strength(value), say("schedule.strengthOf", place)),
    points.length > 1 &&
      actionButton("remove", say("schedule.remove", place), "close", {
        class: "icon-button",
        dataset: { action: "remove", expert, index },
      }),
  );
}

function typed(target, view, plan) {
  const { expert, field } = target.dataset;
  const index = Number(target.dataset.index);
  const points = plan.curves[expert];
  const number = parsed(target.value);
  if (number !== null) {
    const [at, value] = points[index];
    const next =
      field === "step"
        ? moved(points, index, fractionOf(number, plan.steps), value, plan.steps)
        : moved(points, index, at, number, plan.steps);
    plan.range = [Math.min(plan.range[0], next[index][1]), Math.max(plan.range[1], next[index][1])];
    plan.curves = { ...plan.curves, [expert]: next };
  }
  // Typing ends where the next thing is pressed, which is to stay until it is let go. With Tab,
  // the focus is nowhere yet: once it has arrived, it is kept.
  const dialog = target.closest("dialog");
  setTimeout(() => unlessPressed(dialog, () => draw(view, plan)));
}

function clicked(target, view, plan) {
  const { action, expert, shape } = target.dataset;
  const points = plan.curves[expert];
  const span = spanOf(plan, expert);
  let index = Number(target.dataset.index ?? 0);
  let next = points;
  if (action === "remove") next = removed(points, index);
  if (action === "add") {
    const found = added(points, plan.steps, span);
    next = found?.points ?? points;
    index = found?.index ?? 0;
  }
  if (action === "shape") {
    const values = points.map(([, value]) => value);
    const largest = values.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a));
    next = SHAPES[shape](largest || 1, span, plan.steps);
    index = 0;
  }
  plan.curves = { ...plan.curves, [expert]: next };
  draw(view, plan, action === "shape" ? null : { expert, index: Math.min(index, next.length - 1) });
}

/** The fractions between which the expert works. */
function spanOf({ split, steps }, expert) {
  const handover = split.high / steps;
  const span = { both: [0, 1], high: [0, handover], low: [handover, 1] }[expert];
  return span[1] > span[0] ? span : [0, 1];
}

async function readText(view, plan) {
  view.problem.textContent = "";
  try {
    const run = { ...form.values, steps: plan.steps };
    const body = { text: view.written.value, model: store.model, run };
    const { strength } = await request("POST", "api/selection/strength", { body });
    const apart = differs(strength) && store.experts.length === 2;
    plan.curves = apart
      ? { high: pointsOf(strength.high), low: pointsOf(strength.low) }
      : { both: pointsOf(partFor(strength, "both")) };
    view.separate.checked = apart;
    draw(view, plan);
  } catch (error) {
    view.problem.textContent = [error.message, ...(error.suggestions ?? [])].join(" ");
  }
}
