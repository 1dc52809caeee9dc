/** States and stages in words, the same wherever they are shown. */
import { seconds } from "../../../lora_ui/assets/kit/format.js";
import { say } from "../texts/say.js";

const STAGES = {
  queued: say("stage.queued"),
  load: say("stage.load"),
  apply: say("stage.apply"),
  text: say("stage.text"),
  sample: say("stage.sample"),
  decode: say("stage.decode"),
  write: say("stage.write"),
};

/** "Step 7 of 20 · high-noise expert · 6 s left", or the stage's name and the time left. */
export function progressText(job) {
  if (job.state === "queued") {
    return job.position > 1 ? say("run.place", { place: job.position }) : say("stage.queued");
  }
  const {
    stage,
    step,
    steps,
    expert,
    high_steps: high,
    message,
    run_seconds_left: left,
    part,
    parts: count,
    batch_seconds_left: all,
  } = job.progress;
  const words = part ? [say("run.part", { part, count })] : [];
  if (stage !== "sample" || !steps) {
    words.push(message || STAGES[stage] || say("run.starting"));
  } else {
    words.push(say("run.step", { step, steps }));
    if (message) words.push(message);
    else if (expert && isKnown(high))
      words.push(expert === "high" ? say("run.high") : say("run.low"));
  }
  if (part && isKnown(all)) words.push(say("run.leftForAll", { time: secondsLeft(all) }));
  else if (isKnown(left)) words.push(say("run.left", { time: secondsLeft(left) }));
  return words.join(" · ");
}

/** What a grid changes: "Strength of Golden Hour × Seed". */
export function gridTitle({ x, y }) {
  const axes = [x, y].filter(Boolean);
  return axes.map(({ title }) => title).join(" × ");
}

const FEW = 3; // videos that are told by their labels

/** What a job of several videos makes: a grid's axes, previews, or a few videos by name; else "". */
export function batchTitle({ grid, parts }) {
  if (grid) return gridTitle(grid);
  const count = parts.length;
  if (parts.some((part) => part.preview_of)) return say("previews.title", { count });
  const labels = parts.map((part) => part.label).filter(Boolean);
  return count <= FEW && labels.length === count ? labels.join(" · ") : "";
}

const ENDED = {
  done: say("grid.done"),
  failed: say("grid.failed"),
  cancelled: say("grid.cancelled"),
  interrupted: say("grid.interrupted"),
};

/** How far a grid is: "3 of 12 videos · Step 7 of 20", or how it ended. */
export function gridStateText(job) {
  const done = job.parts.filter(({ state }) => state === "done").length;
  const state = ENDED[job.state] ?? progressText(job);
  return `${say("grid.videos", { done, count: job.parts.length })} · ${state}`;
}

/** A forecast: whole seconds, at least one. */
function secondsLeft(count) {
  return seconds(Math.max(1, Math.round(count)), 0);
}

function isKnown(value) {
  return value !== null && value !== undefined;
}

/** How much of the run is done, of a batch of all its videos, 0 to 1; null where nobody knows. */
export function fraction(job) {
  const { share, part, parts } = job.progress ?? {};
  if (job.state !== "running") return null;
  if (part) return (part - 1 + (share ?? 0)) / parts;
  return share ?? null;
}

export function workerText(worker, titles) {
  const model = (titles[worker.model] ?? worker.model ?? "").replace(/ \(.*\)$/, "");
  const place = placeText(model, worker.device?.toUpperCase());
  switch (worker.state) {
    case "starting":
      return say("worker.starting");
    case "loading":
      return model ? say("worker.loadingModel", { model }) : say("worker.loading");
    case "ready":
      if (!worker.model && worker.detail) return worker.detail;
      return place ? say("worker.readyWith", { place }) : say("worker.ready");
    case "busy":
      return place ? say("worker.busyWith", { place }) : say("worker.busy");
    case "restarting":
      return say("worker.restarting");
    case "failed":
      return worker.detail || say("worker.failed");
    default:
      return say("worker.stopped");
  }
}

/** Which model, and where: "Wan2.2 T2V on CUDA". */
function placeText(model, device) {
  if (!device) return model;
  return model ? say("worker.modelOn", { model, device }) : say("worker.on", { device });
}
