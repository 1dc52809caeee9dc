/**
 * Grid: videos over one or two axes, made as one job.
 *
 * An axis is `{of, lora, values}`, as `api/jobs` takes it; `of` is strength, lora, expert, loras,
 * seed, prompt, steps or accelerator. A host, which has no jobs, gets the videos as parts.
 */
import { request } from "../kit/api.js";
import { form } from "./form.js";
import { partsOf } from "./grid_parts.js";
import { store } from "./store.js";

/** Event: open ({x, y}), to ask a person for a grid; what is known of its axes is filled in. */
class Grids extends EventTarget {
  open(axes = {}) {
    this.dispatchEvent(new CustomEvent("open", { detail: axes }));
  }
}

export const grids = new Grids();

/** Make it with what the form holds now. */
export function startGrid(grid) {
  form.batch((fields) =>
    store.features.grid ? { task: taskOf(fields), grid } : { parts: partsOf(grid) },
  );
}

/** What it would cost and what speaks against it: `{videos, columns, rows, seconds, problems}`. */
export function planGrid(grid) {
  return request("POST", "api/grids/plan", { body: { task: taskOf(form.values), grid } });
}

/** The same seed without LoRAs and with them. */
export function startWithout() {
  startGrid({ x: { of: "loras", lora: null, values: ["without", "with"] }, y: null });
}

/** Seeds one after the other from a first one, so that each video can be found again. */
export function seedAxis(first, count) {
  const values = Array.from({ length: count }, (_, index) => (first + index) % SEEDS);
  return { of: "seed", lora: null, values };
}

/** The form's seed as a number; one that is drawn where it has none, null where it is wrong. */
export function firstSeed(seed) {
  const given = String(seed ?? "").trim();
  if (given !== "") return /^\d+$/.test(given) ? Number(given) : null;
  return crypto.getRandomValues(new Uint32Array(1))[0];
}

const SEEDS = 2 ** 32;

function taskOf(fields) {
  return { ...fields, selected_loras: store.selected() };
}
