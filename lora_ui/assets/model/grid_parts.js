/** A grid's videos for a host, which makes each of them by itself: a label, and the LoRAs. */
import { say } from "../texts/say.js";
import { valueText } from "./grid_text.js";
import { store } from "./store.js";
import { scaled } from "./strengths.js";

/** One part for each cell, row by row. Only what changes LoRAs can be on an axis here. */
export function partsOf({ x, y }) {
  const rows = y ? y.values : [undefined];
  return rows.flatMap((row) =>
    x.values.map((column) => {
      const steps = [row !== undefined && [y, row], [x, column]].filter(Boolean);
      const selected = steps.reduce((loras, [axis, value]) => changed(loras, axis, value), all());
      const label = steps.map(([axis, value]) => partLabel(axis, value)).join(", ");
      return { label, changes: { selected_loras: selected } };
    }),
  );
}

function all() {
  return store.selected();
}

function changed(loras, { of, lora }, value) {
  if (of === "loras") return value === "with" ? loras : without(loras);
  const now = loras[lora] ?? store.selection.get(lora);
  const simple = now === undefined || typeof now === "number";
  return { ...loras, [lora]: simple ? value : scaled(now, value) };
}

/** An accelerator stays: its settings are in use. */
function without(loras) {
  const kept = accelerators(loras);
  const only = Object.keys(kept).length === Object.keys(loras).length;
  return only ? {} : kept;
}

function accelerators(loras) {
  const fast = store.summary?.accelerators ?? {};
  return Object.fromEntries(Object.entries(loras).filter(([name]) => name in fast));
}

function partLabel({ of, lora }, value) {
  if (of === "loras") {
    const alone = value === "without" && Object.keys(without(all())).length > 0;
    return alone ? say("grid.withoutFast") : valueText(of, value);
  }
  return typeof store.selection.get(lora) === "object" ? `${lora} × ${value}` : `${lora} ${value}`;
}
