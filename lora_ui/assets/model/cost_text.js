/** What applying LoRAs costs, in words, with how far such estimates were off until now. */
import { el } from "../kit/dom.js";
import { megabytes, seconds } from "../kit/format.js";
import { say } from "../texts/say.js";

const MODES = { merge: say("cost.merge"), runtime: say("cost.runtime") };
const LEAST = 1; // seconds; nobody waits for less
const FAR_OFF = 0.5; // of the time; such an estimate says nothing

/**
 * `about 12 s to load`, and how far such estimates were off (in half of all cases less); "" for a
 * moment, and where loads have not shown that the estimate is worth something.
 */
export function loadText(time, error) {
  if (time < LEAST || !isCalibrated(error)) return "";
  return say("cost.load", { time: seconds(time), share: percent(error.seconds) });
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
      el("th", {
        scope: "row",
        text: mode === expected ? say("cost.expected", { mode: text }) : text,
      }),
      el("td", { text: megabytes(estimate[`${mode}_gpu_mb`]) }),
      el("td", { text: megabytes(estimate[`${mode}_host_mb`]) }),
      timed && el("td", { text: timeText(estimate[`${mode}_seconds`]) }),
    ),
  );
  const heads = [say("cost.adds"), say("cost.gpu"), say("cost.host"), timed && say("cost.time")];
  return el(
    "div",
    { class: "details-cost" },
    el("p", { class: "muted", text: say("cost.weights", { size: megabytes(estimate.file_mb) }) }),
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
  return time < LEAST ? say("cost.moment") : say("cost.about", { time: seconds(time) });
}

/** A sentence on the estimates of a model; `error` is `{loads, seconds, memory}`, both shares. */
export function errorText(error) {
  const { loads, seconds: time, memory } = error;
  if (!(loads > 0)) return say("cost.unmeasured");
  const off = { memory: percent(memory), count: loads };
  return isCalibrated(error)
    ? say("cost.offBoth", { ...off, time: percent(time) })
    : say("cost.offMemory", off);
}

function percent(share) {
  const value = Math.abs(Number(share) || 0) * 100;
  return value < 1 && value > 0
    ? say("cost.lessThan1")
    : say("cost.percent", { value: Math.round(value) });
}
