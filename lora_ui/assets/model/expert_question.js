/** "Which expert?": asked where nobody knows it, and answered with one click. */

import { el } from "../kit/dom.js";
import { toast, toastError } from "../kit/toasts.js";
import { say } from "../texts/say.js";
import * as library from "./library_api.js";
import { titleFor, titleOf, usable } from "./lora_text.js";
import { store } from "./store.js";

const ANSWERS = { high: say("expert.high"), low: say("expert.low"), both: say("expert.bothShort") };
const BRIEF = { ...ANSWERS, high: say("expert.highShort"), low: say("expert.lowShort") };
const SAID = {
  high: (title) => say("expert.isHigh", { title }),
  low: (title) => say("expert.isLow", { title }),
  both: (title) => say("expert.isBoth", { title }),
};

/** The question with its answers, in few words for a small place; null where it is known. */
export function expertQuestion(lora, className, { brief = false } = {}) {
  if (!lora?.doubt || !usable(lora)) return null;
  const buttons = Object.entries(ANSWERS).map(([role, text]) => {
    const button = el("button", {
      type: "button",
      class: "button expert-answer",
      dataset: { action: "expert", role },
      "aria-label": SAID[role](titleOf(lora)),
      text: brief ? BRIEF[role] : text,
    });
    button.addEventListener("click", () => answer(lora.name, role));
    return button;
  });
  return el(
    "div",
    { class: `expert-question ${className}`, role: "group", "aria-label": say("expert.which") },
    el("span", { class: "expert-asked", title: lora.doubt, text: say("expert.which") }),
    buttons,
  );
}

async function answer(name, role) {
  const known = await said(name, role);
  if (known === null) return;
  toast(SAID[role](titleFor(known)), {
    action: { label: say("action.undo"), run: () => said(known, null) },
  });
}

/** Keep what the user says; null takes it back. Gives the name that the LoRA has now. */
async function said(name, role) {
  try {
    const record = await library.saysExpert(name, role);
    if (record.name !== name) store.renamed(name, record.name);
    await store.refresh();
    return record.name;
  } catch (error) {
    toastError(error);
    return null;
  }
}

/** Make one LoRA of `lora` and another that may be its other half. */
export async function pairWith(lora, other) {
  const isLow = isLowHalf(lora, store.byName.get(other));
  const [high, low] = isLow ? [other, lora.name] : [lora.name, other];
  try {
    const { record } = await library.pair(high, low);
    for (const half of [high, low]) if (half !== record.name) store.renamed(half, record.name);
    await store.refresh();
    toast(say("pair.made", { high, low }), {
      action: { label: say("action.undo"), run: () => partAgain(record.name) },
    });
  } catch (error) {
    toastError(error);
  }
}

async function partAgain(name) {
  try {
    await library.split(name);
    store.deselect(name);
    await store.refresh();
  } catch (error) {
    toastError(error);
  }
}

function isLowHalf(lora, other) {
  if (["high", "low"].includes(lora.expert)) return lora.expert === "low";
  if (["high", "low"].includes(other?.expert)) return other.expert === "high";
  return lora.evidence?.both?.role === "low";
}
