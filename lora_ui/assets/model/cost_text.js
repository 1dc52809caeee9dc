/** What applying LoRAs costs, in words, with how far such estimates were off until now. */
import { el } from "../kit/dom.js";
import { megabytes, plural, seconds } from "../kit/format.js";

const MODES = { merge: "Merged into the model", runtime: "Added at each step" };
const LEAST = 0.1; // seconds; less is not worth telling apart

/** `about 12 s to load`, and how far that was off (in half of all cases less), if that is known. */
export function loadText(time, error) {
  const about = `about ${seconds(Math.max(LEAST, time))} to load`;
  return error?.loads > 0 ? `${about} (typically off by ${percent(error.seconds)})` : about;
}

/** What a LoRA costs on a model, for each way to apply it, as `estimate_memory_impact` has it. */
export function costsElement(estimate) {
  const { loads_seen: loads, load_error: time, memory_error: memory } = estimate;
  const expected = estimate.runtime_expected ? "runtime" : "merge";
  const rows = Object.entries(MODES).map(([mode, text]) =>
    el(
      "tr",
      { class: mode === expected ? "costs-expected" : "" },
      el("th", { scope: "row", text: mode === expected ? `${text} (expected)` : text }),
      el("td", { text: megabytes(estimate[`${mode}_gpu_mb`]) }),
      el("td", { text: megabytes(estimate[`${mode}_host_mb`]) }),
      el("td", { text: `about ${seconds(Math.max(LEAST, estimate[`${mode}_seconds`]))}` }),
    ),
  );
  const heads = ["What it adds", "GPU memory", "Main memory", "Time to load"];
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
          heads.map((text) => el("th", { scope: "col", text })),
        ),
      ),
      el("tbody", {}, rows),
    ),
    el("p", { class: "muted", text: errorText({ loads, seconds: time, memory }) }),
  );
}

/** A sentence on the estimates of a model; `error` is `{loads, seconds, memory}`, both shares. */
export function errorText({ loads, seconds: time, memory }) {
  if (!(loads > 0)) return "Estimated from the file; no load has been measured yet.";
  const last = loads === 1 ? "the last load" : `the last ${plural(loads, "load")}`;
  return `Such estimates were typically off by ${percent(time)} for the time and ${percent(memory)} for the memory, over ${last}.`;
}

function percent(share) {
  const value = Math.abs(Number(share) || 0) * 100;
  return `${value < 1 && value > 0 ? "less than 1" : Math.round(value)} %`;
}
