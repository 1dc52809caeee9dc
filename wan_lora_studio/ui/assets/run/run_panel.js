/** The run: progress with its preview, then the video, or why there is none. */
import { address, request } from "../../../lora_ui/assets/kit/api.js";
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { seconds } from "../../../lora_ui/assets/kit/format.js";
import { putInFrame, showBehind } from "../../../lora_ui/assets/kit/sharp.js";
import { toastError } from "../../../lora_ui/assets/kit/toasts.js";
import { store } from "../../../lora_ui/assets/model/store.js";
import { fraction, progressText } from "../base/job_text.js";
import { poll } from "../base/poll.js";
import { problemParts } from "../base/problem_parts.js";
import { runs, showGrid } from "../base/run_events.js";
import { createGridView } from "../grid/grid_view.js";
import { drawTitles, resultDetails } from "../results/result.js";
import { say } from "../texts/say.js";
import { cancelRun } from "./cancel_run.js";
import { createNotifyButton } from "./notify.js";
import { createOpening } from "./opening.js";
import { copyDiagnostics } from "./problem.js";
import { createStepPlan } from "./step_plan.js";
import { connectTrials } from "./trials.js";

const RETRYABLE = ["failed", "cancelled", "interrupted"];

export function mount({ element, options, trigger }) {
  const view = createView(element);
  const reuse = (fields) => {
    runs.reused = fields;
    trigger("reuse");
  };
  runs.addEventListener("reuse", ({ detail }) => reuse(detail.fields));
  const draw = () => drawJob(view, poll.status?.job ?? null, reuse);
  view.opening = createOpening(options?.opening, draw);
  poll.addEventListener("status", draw);
  store.addEventListener("library", () => drawTitles(view.details));
  runs.addEventListener("submitted", () => showOnPhone(view.stage));
  view.cancel.addEventListener("click", () => cancel(view));
  view.retry.addEventListener("click", () => retry(view));
  draw();
  connectTrials();
  poll.start();
}

/** Where the run stands below the form, what the button led to would be out of sight. */
function showOnPhone(part) {
  if (matchMedia("(max-width: 800px)").matches) {
    part.scrollIntoView({ behavior: "smooth", block: "nearest" });
  }
}

function createView(element) {
  const view = {
    key: "",
    job: null,
    grid: null, // the videos of a batch
    opening: null,
    said: null,
    note: el("p", { class: "run-note", role: "status" }),
    plan: createStepPlan(),
    bar: el("progress", { class: "run-bar", max: 1, "aria-label": say("run.progress") }),
    cancel: el("button", {
      type: "button",
      class: "button",
      id: "cancel-button",
      text: say("run.cancel"),
    }),
    notify: createNotifyButton(),
    retry: el("button", {
      type: "button",
      class: "button",
      id: "retry-button",
      text: say("run.retry"),
    }),
    stage: el("div", { class: "run-stage frame" }),
    problem: el("div", { class: "run-problem", role: "alert" }),
    notes: el("div", { class: "run-notes", role: "status" }),
    details: el("div", { class: "run-details" }),
    waiting: el("p", { class: "muted run-waiting" }),
  };
  element.classList.add("run", "box", "lora-ui");
  element.replaceChildren(
    view.problem,
    el("div", { class: "run-head" }, view.note, view.notify, view.cancel, view.retry),
    view.plan.element,
    view.bar,
    view.notes,
    view.stage,
    view.details,
    view.waiting,
  );
  return view;
}

function drawJob(view, job, reuse) {
  view.job = job;
  const open = job !== null && ["queued", "running"].includes(job.state);
  view.note.textContent = job ? noteText(job) : say("run.none");
  view.cancel.hidden = !open;
  view.notify.hidden = !open || view.notify.dataset.able !== "true";
  if (!open) view.cancel.disabled = false; // a batch may be retried elsewhere
  view.retry.hidden = !RETRYABLE.includes(job?.state);
  view.bar.hidden = !open;
  if (open) drawBar(view.bar, fraction(job));
  view.plan.update(job);
  const opening = job ? null : view.opening?.element;
  drawNotes(view.notes, open ? (job.progress?.notes ?? []) : []);
  const others = (poll.status?.queue ?? []).filter((item) => item.id !== job?.id).length;
  view.waiting.textContent = others > 0 ? say("run.others", { count: others }) : "";
  const batch = job?.parts?.length > 0;
  const key = batch ? job.id : job ? `${job.id} ${open ? "open" : job.state}` : keyOfNone(opening);
  if (key !== view.key) {
    view.key = key;
    view.cancel.disabled = false;
    view.retry.disabled = false;
    view.grid?.stop();
    view.grid = batch ? createGridView(job, { enlarge: () => showGrid(job.id) }) : null;
    view.stage.hidden = batch || Boolean(opening);
    if (batch) drawBatch(view, job);
    else if (opening) view.details.replaceChildren(opening);
    else drawStage(view, job, open, reuse);
  }
  if (batch) updateBatch(view, job);
  else if (open) drawPreview(view.stage, job);
}

function keyOfNone(opening) {
  return opening ? "opening" : "none";
}

/** A batch has its videos side by side, with what they have in common below. */
function drawBatch(view, job) {
  const { prompt, seed } = job.task;
  const facts = el("p", { class: "muted", text: say("run.seed", { seed: String(seed) }) });
  view.details.replaceChildren(
    view.grid.element,
    el("p", { class: "run-prompt", text: prompt }),
    ...(seeds(job).size === 1 ? [facts] : []),
  );
}

function updateBatch(view, job) {
  view.grid.update(job);
  drawProblem(view);
}

function seeds(job) {
  return new Set(job.parts.map((part) => part.changes.seed ?? job.task.seed));
}

function drawBar(bar, done) {
  if (done === null) bar.removeAttribute("value");
  else bar.value = done;
}

/** Everything that stays the same while the job is in one state. */
function drawStage(view, job, open, reuse) {
  const { width, height } = job?.task ?? { width: 16, height: 9 };
  view.stage.style.aspectRatio = `${width || 16} / ${height || 9}`;
  view.details.replaceChildren(...(job?.result ? resultDetails(job, reuse) : []));
  drawProblem(view);
  if (job?.result) showVideo(view.stage, job);
  else showText(view.stage, stageText(job, open));
}

function showText(stage, text) {
  stage.replaceChildren(el("p", { class: "muted", text }));
  showBehind(stage, null);
}

function stageText(job, open) {
  if (!job) return say("run.hint");
  if (open) return say("run.firstPicture");
  return say("run.noVideo");
}

function showVideo(stage, job) {
  const poster = address(`api/results/${job.id}/poster`);
  const video = el("video", {
    class: "run-video",
    src: address(`api/results/${job.id}/video`),
    poster,
    "aria-label": say("video.of", { title: job.task.prompt }),
    controls: true,
    loop: true,
    autoplay: true,
    muted: true,
    playsinline: true,
  });
  putInFrame(stage, video, poster, job.task);
}

function drawPreview(stage, job) {
  const version = job.progress?.preview_version ?? 0;
  if (version === 0 || stage.dataset.preview === `${job.id}.${version}`) return;
  stage.dataset.preview = `${job.id}.${version}`;
  const src = address(`api/jobs/${job.id}/preview`, { v: version });
  const image =
    stage.querySelector("img") ?? el("img", { class: "run-preview", alt: say("run.preview") });
  image.src = src;
  if (image.isConnected) showBehind(stage, src);
  else putInFrame(stage, image, src);
}

function noteText(job) {
  switch (job.state) {
    case "done":
      return doneText(job);
    case "failed":
      return say("run.failed");
    case "cancelled":
      return say("queue.cancelled");
    case "interrupted":
      return say("run.interrupted");
    default:
      return progressText(job);
  }
}

function doneText({ parts, result, started, finished }) {
  // The run's own clock only goes forward.
  const took = result?.timings?.total ?? finished - started;
  const { length: count } = parts;
  if (!(took >= 0)) return count > 0 ? say("run.videosDone", { count }) : say("run.done");
  const time = seconds(took);
  return count > 0 ? say("run.videosDoneIn", { count, time }) : say("run.doneIn", { time });
}

/** What was done about failures so far, such as a LoRA left out; the result tells it later. */
function drawNotes(box, notes) {
  box.hidden = notes.length === 0;
  if (box.children.length === notes.length) return;
  box.replaceChildren(...notes.map((text) => el("p", { text })));
}

/** Why the run failed. */
function drawProblem(view) {
  const { job } = view;
  const error = job?.state === "cancelled" ? null : job?.error;
  const said = JSON.stringify([error?.message, error?.suggestions]);
  if (view.said === said) return;
  view.said = said;
  view.problem.hidden = !error;
  view.problem.replaceChildren(...(error ? problemParts(error) : []));
  if (error) view.problem.append(copyDiagnostics(job.id));
}

function cancel(view) {
  view.note.textContent = say("run.stopping");
  cancelRun(view.job.id, view.cancel);
}

/** The same job again; of a batch, what is not done. */
async function retry(view) {
  view.retry.disabled = true;
  try {
    await request("POST", `api/jobs/${view.job.id}/retry`);
    view.cancel.disabled = false;
  } catch (error) {
    toastError(error);
  }
  view.retry.disabled = false;
  poll.now();
}
