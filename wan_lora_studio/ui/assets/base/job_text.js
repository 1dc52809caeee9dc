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

/** "Step 7 of 20 · high-noise expert · 6 s left", or the stage's name and the time left. */
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
    high_steps: high,
    message,
    run_seconds_left: left,
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
    else if (expert && isKnown(high)) words.push(`${expert}-noise expert`);
  }
  if (part && isKnown(all)) words.push(`${secondsLeft(all)} left for all`);
  else if (isKnown(left)) words.push(`${secondsLeft(left)} left`);
  return words.join(" · ");
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
