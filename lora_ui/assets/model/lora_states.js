/** How a LoRA stands in the worker: not loaded, loading, applied, taken off again, or failed. */
import { strength as strengthText } from "../kit/format.js";
import { store } from "./store.js";
import { isSeparate, strengthFor } from "./strengths.js";

/** `{state, text, short, why}`; `short` has room on a card and is "" for nothing. */
export function stateOf(name) {
  const held = store.workerLoras[name];
  const state = typeof held === "string" ? held : held?.state;
  if (state === "applied") {
    const text = `applied at ${strengths(held.strength)}`;
    return { state, text, short: `Applied ${shortly(held.strength)}`, why: held.reason };
  }
  if (state === "waiting" || state === "loading") {
    return { state: "loading", text: "loading", short: "Loading" };
  }
  if (state === "left_out") return failed("left out", held.reason);
  if (state === "failed") return failed("failed", held.reason ?? held.detail);
  if (state === "taken_off") return { state, text: "taken off after the last step", short: "" };
  return failedLast(name) ?? { state: "none", text: "not loaded", short: "" };
}

/** Whether the last run could not use it, and why. */
function failedLast(name) {
  const job = store.lastJob;
  const report = job?.result?.loras?.[name];
  if (["skipped", "fallback"].includes(report?.outcome)) return failed("left out", report.reason);
  const blamed = job?.state === "failed" && job.error?.context?.lora === name;
  return blamed ? failed("failed", job.error.message) : null;
}

function failed(text, why) {
  return { state: "failed", text, short: text[0].toUpperCase() + text.slice(1), why };
}

function strengths(value) {
  if (!isSeparate(value)) return strengthText(strengthFor(value, "high"));
  return `${strengthText(strengthFor(value, "high"))} high, ${strengthText(strengthFor(value, "low"))} low`;
}

function shortly(value) {
  if (!isSeparate(value)) return strengthText(strengthFor(value, "high"));
  return `${strengthText(strengthFor(value, "high"))} / ${strengthText(strengthFor(value, "low"))}`;
}
