/** States and stages in words, the same wherever they are shown. */
import { seconds } from "../../../lora_ui/assets/kit/format.js";

const STAGES = {
  queued: "Waiting for its turn",
  load: "Loading the model",
  apply: "Applying LoRAs",
  text: "Reading the prompt",
  sample: "Sampling",
  decode: "Decoding the frames",
  write: "Writing the video",
};

/** "Step 7 of 20 · high noise · 6 s left", or the stage's name. */
export function progressText(job) {
  if (job.state === "queued") {
    return job.position > 1
      ? `Waiting, number ${job.position} in the queue`
      : "Waiting for its turn";
  }
  const {
    stage,
    step,
    steps,
    expert,
    seconds_left: left,
    message,
    part,
    parts: count,
    batch_seconds_left: all,
  } = job.progress;
  const words = part ? [`Video ${part} of ${count}`] : [];
  if (stage !== "sample" || !steps) {
    words.push(message || STAGES[stage] || "Starting");
  } else {
    words.push(`Step ${step} of ${steps}`);
    if (message) words.push(message);
    else if (expert) words.push(`${expert} noise expert`);
    if (isKnown(left) && step < steps) words.push(`${seconds(left)} left`);
  }
  if (part && isKnown(all)) words.push(`${seconds(all)} left for all`);
  return words.join(" · ");
}

function isKnown(value) {
  return value !== null && value !== undefined;
}

/** How far sampling is, of a batch in all its videos, 0 to 1; null while that cannot be said. */
export function fraction(job) {
  const { stage, step, steps, part, parts } = job.progress ?? {};
  if (job.state !== "running") return null;
  const done = ["decode", "write"].includes(stage)
    ? 1
    : stage === "sample" && steps && step / steps;
  if (part) return (part - 1 + (done || 0)) / parts;
  return done || done === 0 ? done : null;
}

export function workerText(worker, titles) {
  const model = (titles[worker.model] ?? worker.model ?? "").replace(/ \(.*\)$/, "");
  const place = [model, worker.device && `on ${worker.device.toUpperCase()}`]
    .filter(Boolean)
    .join(" ");
  switch (worker.state) {
    case "starting":
      return "Starting the worker";
    case "loading":
      return `Loading ${model || "the model"}`;
    case "ready":
      if (!worker.model && worker.detail) return worker.detail;
      return place ? `Ready: ${place}` : "Ready";
    case "busy":
      return `Making a video${place ? `: ${place}` : ""}`;
    case "restarting":
      return "Restarting the worker";
    case "failed":
      return worker.detail || "The worker cannot start";
    default:
      return "The worker is stopped";
  }
}
