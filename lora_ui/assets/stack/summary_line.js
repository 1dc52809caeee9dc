/** The line under the stack that is always true: memory, time to load, and what speaks against it. */

import { el } from "../kit/dom.js";
import * as format from "../kit/format.js";
import { errorText, loadText } from "../model/cost_text.js";
import { form } from "../model/form.js";
import { refused } from "../model/lora_text.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";

const IN_ROWS = ["missing", "broken", "unfit"]; // said in the LoRA's own row
// What a warning goes by; a page of another app may keep it to itself.
const ABOUT = { guidance: "guidance_scale", "no-step": "steps" };

export function createSummaryLine() {
  const total = el("p", { class: "summary-total muted" });
  const unsaved = el("p", { class: "summary-unsaved", role: "status", hidden: true });
  const warnings = el("ul", { class: "summary-warnings", "aria-label": say("summary.warnings") });
  const root = el("div", { class: "summary" }, total, warnings, unsaved);
  const draw = () => {
    const { summary, stack } = store;
    drawUnsaved(unsaved, stack);
    root.hidden = stack.entries.size === 0 && unsaved.hidden;
    total.hidden = warnings.hidden = !summary || stack.entries.size === 0;
    if (total.hidden) return;
    setText(total, totals(summary, stack));
    total.title = errorText(summary.estimate_error);
    const shown = (summary.warnings ?? []).filter(isKnown);
    const key = JSON.stringify(shown);
    if (warnings.dataset.key === key) return;
    warnings.dataset.key = key;
    warnings.replaceChildren(...shown.map(warning));
  };
  for (const event of ["summary", "selection", "connection"]) store.addEventListener(event, draw);
  draw();
  return root;
}

/** Whether it is about something that the page has told. */
function isKnown({ kind }) {
  if (IN_ROWS.includes(kind)) return false;
  return !store.hosted || !(kind in ABOUT) || ABOUT[kind] in form.values;
}

function warning({ kind, text }) {
  return el("li", { dataset: { kind }, text });
}

function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function drawUnsaved(line, stack) {
  line.hidden = store.connected;
  setText(line, stack.unsaved ? say("summary.unsaved") : say("summary.away"));
}

function totals(summary, stack) {
  const on = [...stack.entries].flatMap(([name, entry]) => (entry.on ? [name] : []));
  const off = stack.entries.size - on.length;
  if (on.length === 0) return off > 0 ? say("summary.noneOff", { off }) : say("summary.none");
  const count =
    off > 0
      ? say("summary.onOff", { count: on.length, off })
      : say("summary.on", { count: on.length });
  // What the server said last may be of another selection.
  const known = Object.keys(summary.selected_loras);
  if (known.length !== on.length || !on.every((name) => known.includes(name))) return count;
  // What cannot run costs nothing, and the rest does not run without it.
  if (on.some((name) => refused(store.byName.get(name), store.model))) return count;
  const memory = say("summary.memory", { size: format.megabytes(summary.total_memory_impact) });
  const load = loadText(summary.estimated_load_time, summary.estimate_error);
  return [count, memory, load].filter(Boolean).join(" · ");
}
