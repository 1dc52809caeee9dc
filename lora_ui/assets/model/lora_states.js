/** How a LoRA stands in the worker: not loaded, loading, applied, taken off again, or failed. */
import { strength as strengthText } from "../kit/format.js";
import { say } from "../texts/say.js";
import { store } from "./store.js";
import { isSeparate, strengthFor } from "./strengths.js";

/** `{state, text, short, why}`; `short` has room on a card and is "" for nothing. */
export function stateOf(name) {
  const held = store.workerLoras[name];
  const state = typeof held === "string" ? held : held?.state;
  if (state === "applied") {
    const text = say("state.appliedAt", { strength: strengths(held.strength) });
    return {
      state,
      text,
      short: say("state.appliedShort", { strength: shortly(held.strength) }),
      why: held.reason,
    };
  }
  if (state === "waiting" || state === "loading") {
    return { state: "loading", text: say("state.loading"), short: say("state.loadingShort") };
  }
  if (state === "left_out") return leftOut(held.reason);
  if (state === "failed") return failed(held.reason ?? held.detail);
  if (state === "taken_off") return { state, text: say("state.takenOff"), short: "" };
  return failedLast(name) ?? { state: "none", text: say("state.none"), short: "" };
}

/** Whether the last run could not use it, and why. */
function failedLast(name) {
  const job = store.lastJob;
  const report = job?.result?.loras?.[name];
  if (["skipped", "fallback"].includes(report?.outcome)) return leftOut(report.reason);
  const blamed = job?.state === "failed" && job.error?.context?.lora === name;
  return blamed ? failed(job.error.message) : null;
}

function failed(why) {
  return { state: "failed", text: say("state.failed"), short: say("state.failedShort"), why };
}

function leftOut(why) {
  return { state: "failed", text: say("state.leftOut"), short: say("state.leftOutShort"), why };
}

function strengths(value) {
  if (!isSeparate(value)) return strengthText(strengthFor(value, "high"));
  return say("state.strengths", {
    high: strengthText(strengthFor(value, "high")),
    low: strengthText(strengthFor(value, "low")),
  });
}

function shortly(value) {
  if (!isSeparate(value)) return strengthText(strengthFor(value, "high"));
  return `${strengthText(strengthFor(value, "high"))} / ${strengthText(strengthFor(value, "low"))}`;
}
