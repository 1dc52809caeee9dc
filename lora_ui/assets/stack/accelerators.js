/** LoRAs that need few steps and no guidance: their settings in one click, and back again. */
import { request } from "../kit/api.js";
import { toast, toastError } from "../kit/toasts.js";
import { form } from "../model/form.js";
import { refused, titleFor } from "../model/lora_text.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";

/** "4 steps, guidance 1, flow shift 3"; of what the page has no field for, nothing. */
export function acceleratorText({ steps, guidance, flow_shift: shift }) {
  const words = {
    steps: say("accelerator.steps", { count: steps }),
    guidance_scale: say("accelerator.guidance", { value: String(guidance) }),
    flow_shift: say("accelerator.flowShift", { value: String(shift) }),
  };
  return Object.values(there(words)).join(", ");
}

/** Whether the page's fields hold an accelerator's settings. */
export function inForce(wanted) {
  if (!wanted) return false;
  const fields = Object.entries(settingsOf(wanted));
  return fields.length > 0 && fields.every(([name, value]) => form.values[name] === value);
}

/** The fields of the page that an accelerator sets. */
function settingsOf({ steps, guidance, flow_shift }) {
  const two = store.experts.length === 2;
  return there({
    steps,
    guidance_scale: guidance,
    ...(two && { guidance_scale_2: guidance }),
    flow_shift,
  });
}

/** Those of the fields that the page has. */
function there(fields) {
  const known = Object.keys(form.values);
  const found = Object.entries(fields).filter(
    ([name]) => known.length === 0 || known.includes(name),
  );
  return Object.fromEntries(found);
}

/** Steps, guidance, flow shift and strength of the accelerator; other LoRAs stay. */
export function applyAccelerator(name) {
  const wanted = store.summary?.accelerators?.[name];
  const entry = store.stack.entries.get(name);
  if (!wanted || !entry) return;
  form.change((values) => {
    const changes = settingsOf(wanted);
    remember(name, entry, values, changes);
    store.stack.switch(name, true);
    store.stack.reshape(name, { strength: wanted.strength, split: false });
    return changes;
  });
}

/** The first values are those to go back to, also from a second accelerator. */
function remember(name, entry, values, changes) {
  const known = store.stack.accelerated;
  const before = Object.fromEntries(Object.keys(changes).map((field) => [field, values[field]]));
  const strengths = { ...known?.strengths };
  strengths[name] ??= { strength: entry.strength, split: entry.split, on: entry.on };
  store.stack.setAccelerated({ name, before: known?.before ?? before, strengths });
}

export function putBack() {
  const known = store.stack.accelerated;
  if (!known) return;
  form.change(() => known.before);
  for (const [name, { strength, split, on }] of Object.entries(known.strengths ?? {})) {
    if (!store.stack.entries.has(name)) continue;
    store.stack.reshape(name, { strength, split });
    store.stack.switch(name, on);
  }
  store.stack.setAccelerated(null);
}

/** Say that a LoRA is an accelerator, or that it is none whatever its name. */
export async function markAccelerator(name, accelerator) {
  try {
    await request("POST", "api/loras/accelerator", { body: { name, accelerator } });
    await store.refresh();
    toast(
      accelerator
        ? say("accelerator.isNow", { title: titleFor(name) })
        : say("accelerator.isNoMore", { title: titleFor(name) }),
    );
  } catch (error) {
    toastError(error);
  }
}

/** Apply an accelerator's settings as soon as a person adds it. */
export function followAdded() {
  const added = new Set();
  store.addEventListener("added", ({ detail }) => added.add(detail.name));
  store.addEventListener("summary", () => {
    for (const { name } of store.summary.stack ?? []) if (added.delete(name)) accelerate(name);
  });
}

function accelerate(name) {
  const wanted = store.summary.accelerators?.[name];
  const text = wanted && acceleratorText(wanted);
  if (!text || inForce(wanted) || refused(store.byName.get(name), store.model)) return;
  if (!store.stack.entries.get(name)?.on) return;
  applyAccelerator(name);
  // The line on the tab of the form says the same.
  if (document.querySelector(".lora-controls")?.checkVisibility()) return;
  toast(say("accelerator.usedWith", { title: titleFor(name), settings: text }), {
    action: { label: say("action.undo"), run: putBack },
  });
}
