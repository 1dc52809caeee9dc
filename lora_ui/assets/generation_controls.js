/** The LoRA controls of a generation tab. */

import { answerGrids } from "./grid/grid_dialog.js";
import { el, icon, setProps } from "./kit/dom.js";
import { openMenu } from "./kit/menu.js";
import { toast } from "./kit/toasts.js";
import { form } from "./model/form.js";
import { grids, startWithout } from "./model/grid.js";
import { titleFor } from "./model/lora_text.js";
import { store } from "./model/store.js";
import { connectValue } from "./model/value.js";
import { acceleratorText, followAdded, putBack } from "./stack/accelerators.js";
import { openPicker } from "./stack/picker.js";
import { createPromptNotes } from "./stack/prompt_loras.js";
import { openSets } from "./stack/sets_dialog.js";
import { createStack } from "./stack/stack.js";
import { createSummaryLine } from "./stack/summary_line.js";
import { say } from "./texts/say.js";

export function mount({ element, options, trigger, props, watch }) {
  const started = store.start(options);
  const { fill, compare } = store.features;
  const parts = [
    fill && createPromptNotes(),
    head(),
    fill && acceleratedLine(),
    createStack(say("controls.empty")),
    createSummaryLine(),
    compare && comparisons(),
  ];
  element.classList.add("lora-ui", "box", "lora-controls");
  element.replaceChildren(...parts.filter(Boolean));
  connectValue(props, watch, started);
  form.comparing = () => trigger("compare");
  if (compare) answerGrids();
  if (!fill) return;
  followAdded();
  form.connect(() => trigger("fill"));
  if (!options.hosted) form.connectModels(() => trigger("model"));
  form.change(() => null); // to know the values from the beginning
  if (options.hosted) form.begin();
}

function head() {
  const add = button(say("controls.add"), "plus", () => openPicker());
  const clear = button(say("controls.clear"), null, clearAll, "button button-quiet");
  onSelection(() => {
    clear.hidden = store.stack.entries.size === 0;
  });
  return el(
    "div",
    { class: "controls-head" },
    el("h2", { class: "section-title", text: say("controls.title") }),
    clear,
    button(say("sets.list"), "layers", openSets),
    recentDropdown(),
    add,
  );
}

function clearAll() {
  const restore = store.stack.clear();
  toast(say("controls.cleared"), { action: { label: say("action.undo"), run: restore } });
}

/** What an accelerator changed, and the way back. */
function acceleratedLine() {
  const text = el("p", {});
  const back = button(say("action.undo"), "undo", putBack);
  const line = el("div", { class: "accelerated", role: "status" }, icon("bolt"), text, back);
  onSelection(() => {
    const known = store.stack.accelerated;
    line.hidden = !known;
    if (!known) return;
    const { steps, guidance_scale: guidance, flow_shift: shift } = known.before;
    const before = acceleratorText({ steps, guidance, flow_shift: shift });
    text.textContent = say("accelerator.inUse", { title: titleFor(known.name), before });
  });
  return line;
}

function comparisons() {
  const line = el(
    "div",
    { class: "controls-foot", role: "group", "aria-label": say("controls.compare") },
    button(say("controls.without"), "compare", startWithout),
    button(say("stack.sweep"), "curve", sweep),
  );
  onSelection(() => {
    line.hidden = Object.keys(store.selected()).length === 0;
  });
  return line;
}

function sweep() {
  const [lora] = Object.keys(store.selected());
  grids.open({ x: { of: "strength", lora } });
}

/** A menu of the LoRAs that were used last. Not a select: an arrow key on it would add at once. */
function recentDropdown() {
  const names = () =>
    store.recent.filter((name) => store.byName.has(name) && !store.selection.has(name));
  const open = button(say("filter.recent"), null, () =>
    openMenu(
      open,
      say("controls.recent"),
      names().map((name) => ({
        label: titleFor(name),
        glyph: "plus",
        run: () => store.select(name),
      })),
    ),
  );
  setProps(open, { title: say("controls.recent"), "aria-haspopup": "menu" });
  open.append(icon("down"));
  onSelection(() => {
    open.disabled = names().length === 0;
  });
  return open;
}

function button(text, glyph, act, className = "button") {
  const element = el("button", { type: "button", class: className }, glyph && icon(glyph), text);
  element.addEventListener("click", act);
  return element;
}

function onSelection(draw) {
  for (const event of ["selection", "library"]) store.addEventListener(event, draw);
  draw();
}
