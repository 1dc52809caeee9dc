/** The selected LoRAs with their strengths; both tabs show one. */

import { unlessPressed } from "../kit/defer_redraw.js";
import { delegate, el } from "../kit/dom.js";
import { isDragging, makeSortable, movedBy } from "../kit/drag_order.js";
import { shortcut } from "../kit/shortcuts.js";
import { copyText } from "../library/actions.js";
import { form } from "../model/form.js";
import { titleFor } from "../model/lora_text.js";
import { store } from "../model/store.js";
import { partFor, shownExperts, strengthFor } from "../model/strengths.js";
import { say } from "../texts/say.js";
import { applyAccelerator, putBack } from "./accelerators.js";
import { editSchedule } from "./schedule_editor.js";
import { buildRow, openModels, openRowMenu, showWords, signature } from "./stack_row.js";
import { settle, showStrength, typed } from "./strength_control.js";

/** A list of rows that keeps itself up to date with the selection. */
export function createStack(emptyText) {
  const list = el("ul", { class: "stack", "aria-label": say("stack.label") });
  const empty = el("p", { class: "stack-empty muted", text: emptyText });
  const said = el("p", { class: "visually-hidden", "aria-live": "polite" });
  const rows = new Map(); // name → {element, signature}
  const draw = () => {
    if (isDragging(list)) return;
    keepingFocus(list, () => place(list, rowsOf(rows)));
    empty.hidden = store.stack.entries.size > 0;
  };
  store.addEventListener("selection", draw);
  for (const event of ["library", "model", "summary"]) {
    store.addEventListener(event, () => unlessPressed(list, draw));
  }
  store.addEventListener("strength", ({ detail }) =>
    showStrength(rows.get(detail.name)?.element, detail.name),
  );
  form.addEventListener("form", () => {
    unlessPressed(list, draw);
    for (const [name, { element }] of rows) showWords(element, name);
  });
  list.addEventListener("input", typed);
  list.addEventListener("change", settle);
  list.addEventListener("keydown", (event) => pressed(event, said));
  delegate(list, "click", clicked);
  makeSortable(list, { handle: ".stack-grip" }, (names) =>
    names ? store.stack.reorder(names) : draw(),
  );
  draw();
  return el("div", { class: "stack-box" }, list, empty, said);
}

/** The rows in order; those that look the same stay the elements that they are. */
function rowsOf(rows) {
  for (const name of rows.keys()) if (!store.stack.entries.has(name)) rows.delete(name);
  return [...store.stack.entries].map(([name, entry]) => {
    const now = signature(name, entry);
    const known = rows.get(name);
    if (known?.signature === now) return known.element;
    const element = buildRow(name, entry);
    rows.set(name, { element, signature: now });
    return element;
  });
}

/** A row that stays is never taken out: its slider would let go of the pointer. */
function place(list, rows) {
  for (const row of [...list.children]) if (!rows.includes(row)) row.remove();
  rows.forEach((row, index) => {
    if (list.children[index] !== row) list.insertBefore(row, list.children[index] ?? null);
  });
}

/** Put the focus back on the control that had it, if its row was built anew or moved. */
function keepingFocus(list, change) {
  const focused = list.contains(document.activeElement) ? document.activeElement : null;
  const name = focused?.closest(".stack-row")?.dataset.name;
  const key = focused && keyOf(focused);
  const index = [...list.children].findIndex((row) => row.dataset.name === name);
  change();
  if (!focused || focused === document.activeElement) return;
  const row = [...list.children].find((item) => item.dataset.name === name);
  const same = row && [...row.querySelectorAll("button, input")].find((it) => keyOf(it) === key);
  const next = list.children[Math.min(index, list.children.length - 1)];
  (same ?? next?.querySelector(".stack-grip"))?.focus({ preventScroll: true });
}

function keyOf(control) {
  const { action = "", expert = "", word = "" } = control.dataset;
  return `${control.type} ${action} ${expert} ${word}`;
}

function clicked(target) {
  const { name } = target.closest(".stack-row").dataset;
  const { action, expert, word } = target.dataset;
  const { stack } = store;
  if (action === "remove") store.deselect(name);
  if (action === "switch") stack.switch(name, !stack.entries.get(name).on);
  if (action === "split") toggleSplit(name);
  if (action === "curve") editSchedule(name);
  if (action === "flat") {
    const { strength } = stack.entries.get(name);
    store.stack.reshape(name, { strength: flattened(strength, expert) });
  }
  if (action === "word") stack.toggleWord(name, word);
  if (action === "copy-word") copyText(word, say("stack.wordCopied"));
  if (action === "menu") openRowMenu(name, target);
  if (action === "switch-model") openModels(name, target);
  if (action === "accelerate") applyAccelerator(name);
  if (action === "put-back") putBack();
}

function flattened(value, expert) {
  const number = strengthFor(value, expert === "both" ? "high" : expert);
  return expert === "both"
    ? number
    : { high: partFor(value, "high"), low: partFor(value, "low"), [expert]: number };
}

/** One strength for both experts, or one for each. */
function toggleSplit(name) {
  const entry = store.stack.entries.get(name);
  const shown = shownExperts(entry, store.byName.get(name), store.experts);
  const { strength } = entry;
  const [high, low] = [partFor(strength, "high"), partFor(strength, "low")];
  if (shown.length === 2) store.stack.reshape(name, { split: false, strength: high });
  else store.stack.reshape(name, { split: true, strength: { high, low } });
}

/** On the grip, the arrow keys move the row. */
const reorders = shortcut(
  say("keys.grip"),
  ["ArrowUp", "ArrowDown", "Home", "End"],
  say("keys.reorder"),
);

function pressed(event, said) {
  if (!event.target.matches(".stack-grip")) return;
  if (!reorders(event)) return;
  const by = { ArrowUp: -1, ArrowDown: 1, Home: -1e6, End: 1e6 }[event.key];
  event.preventDefault();
  const { name } = event.target.closest(".stack-row").dataset;
  const names = movedBy([...store.stack.entries.keys()], name, by);
  store.stack.reorder(names);
  said.textContent = say("stack.place", {
    name: titleFor(name),
    place: names.indexOf(name) + 1,
    count: names.length,
  });
}
