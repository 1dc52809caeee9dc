/** What applying LoRAs costs, in words, with how far such estimates were off until now. */
import { el } from "../kit/dom.js";
import { megabytes, plural, seconds } from "../kit/format.js";

const MODES = { merge: "Merged into the model", runtime: "Added at each step" };
const LEAST = 1; // seconds; nobody waits for less
const FAR_OFF = 0.5; // of the time; such an estimate says nothing

/**
 * `about 12 s to load`, and how far such estimates were off (in half of all cases less); "" for a
 * moment, and where loads have not shown that the estimate is worth something.
 */
export function loadText(time, error) {
  if (time < LEAST || !isCalibrated(error)) return "";
  return `about ${seconds(time)} to load (typically off by ${percent(error.seconds)})`;
}

function isCalibrated(error) {
  return error?.loads > 0 && Math.abs(error.seconds) <= FAR_OFF;
}

/** What a LoRA costs on a model, for each way to apply it, as `estimate_memory_impact` has it. */
export function costsElement(estimate) {
  const { loads_seen: loads, load_error: time, memory_error: memory } = estimate;
  const error = { loads, seconds: time, memory };
  const times = Object.keys(MODES).map((mode) => estimate[`${mode}_seconds`]);
  const timed = isCalibrated(error) && times.some((each) => each >= LEAST);
  const expected = estimate.runtime_expected ? "runtime" : "merge";
  const rows = Object.entries(MODES).map(([mode, text]) =>
    el(
      "tr",
      { class: mode === expected ? "costs-expected" : "" },
      el("th", { scope: "row", text: mode === expected ? `${text} (expected)` : text }),
      el("td", { text: megabytes(estimate[`${mode}_gpu_mb`]) }),
      el("td", { text: megabytes(estimate[`${mode}_host_mb`]) }),
      timed && el("td", { text: timeText(estimate[`${mode}_seconds`]) }),
    ),
  );
  const heads = ["What it adds", "GPU memory", "Main memory", timed && "Time to load"];
  return el(
    "div",
    { class: "details-cost" },
    el("p", { class: "muted", text: `${megabytes(estimate.file_mb)} of weights` }),
    el(
      "table",
      { class: "costs" },
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          heads.filter(Boolean).map((text) => el("th", { scope: "col", text })),
        ),
      ),
      el("tbody", {}, rows),
    ),
    el("p", { class: "muted", text: errorText(error) }),
  );
}

function timeText(time) {
  return time < LEAST ? "less than 1 s" : `about ${seconds(time)}`;
}

/** A sentence on the estimates of a model; `error` is `{loads, seconds, memory}`, both shares. */
export function errorText(error) {
  const { loads, seconds: time, memory } = error;
  if (!(loads > 0)) return "Estimated from the file; no load has been measured yet.";
  const last = loads === 1 ? "the last load" : `the last ${plural(loads, "load")}`;
  const ofTime = isCalibrated(error) ? `${percent(time)} for the time and ` : "";
  return `Such estimates were typically off by ${ofTime}${percent(memory)} for the memory, over ${last}.`;
}

function percent(share) {
  const value = Math.abs(Number(share) || 0) * 100;
  return `${value < 1 && value > 0 ? "less than 1" : Math.round(value)} %`;
}
