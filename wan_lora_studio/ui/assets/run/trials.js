/** Trials: one LoRA without and with it in a dialog, and previews of many with their end told. */
import { request } from "../../../lora_ui/assets/kit/api.js";
import { openDialog } from "../../../lora_ui/assets/kit/dialogs.js";
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { toast, toastError } from "../../../lora_ui/assets/kit/toasts.js";
import { form } from "../../../lora_ui/assets/model/form.js";
import { titleFor } from "../../../lora_ui/assets/model/lora_text.js";
import { store } from "../../../lora_ui/assets/model/store.js";
import { fraction, progressText } from "../base/job_text.js";
import { poll } from "../base/poll.js";
import { problemParts } from "../base/problem_parts.js";
import { createGridView } from "../grid/grid_view.js";
import { missingModel } from "../inputs/model_notice.js";
import { pictureInput } from "../inputs/picture.js";
import { createComparison } from "../results/comparison.js";
import { say } from "../texts/say.js";
import { cancelRun } from "./cancel_run.js";

const OPEN_STATES = ["queued", "running"];
const SHOWN_PROBLEMS = 5;

/** Make what the LoRAs' cards ask for. */
export function connectTrials() {
  form.addEventListener("try", ({ detail: { name, task } }) => tryOne(name, task));
  form.addEventListener("previews", ({ detail: { names, task } }) => makePreviews(names, task));
}

async function tryOne(name, task) {
  const job = await submitted("api/jobs/trial", { name, task });
  if (job) showTrial(name, job);
}

async function makePreviews(names, task) {
  const answer = await submitted("api/jobs/previews", { names, task });
  if (!answer) return;
  const { job, left_out: leftOut } = answer;
  const reasons = Object.entries(leftOut).map(([name, reason]) => `${titleFor(name)}: ${reason}`);
  const details = reasons.slice(0, SHOWN_PROBLEMS);
  const count = job.parts.length;
  const queued = say("previews.queued", { count });
  const left = reasons.length > 0 && say("previews.leftOut", { count: reasons.length });
  toast([queued, left].filter(Boolean).join(" "), { details });
  follow(job.id, { ended: previewsEnded, isOver: (now) => isOver(now) && !now.parts.some(isDue) });
}

/** What the server answers; null, with its refusal shown, if it does not take it. */
async function submitted(path, { task, ...body }) {
  const missing = missingModel(task.model_type);
  if (missing) {
    toastError(missing);
    return null;
  }
  try {
    const whole = { ...task, image: pictureInput.value() };
    return await request("POST", path, { body: { ...body, task: whole } });
  } catch (error) {
    toastError(error);
    return null;
  } finally {
    poll.now();
  }
}

function isOver(job) {
  return !OPEN_STATES.includes(job.state);
}

/** Whether a part's preview is still to be kept. */
function isDue(part) {
  return part.state === "done" && part.preview_of && part.preview_note === null;
}

/** Ask for a job whenever there is news, until it is over. Gives the function that stops it. */
function follow(id, { changed, ended, isOver: over = isOver }) {
  let asking = false;
  let again = false;
  const stop = () => poll.removeEventListener("status", ask);
  async function ask() {
    again = asking;
    if (asking) return;
    asking = true;
    try {
      const job = await request("GET", `api/jobs/${id}`);
      changed?.(job);
      if (over(job)) {
        stop();
        ended(job);
      }
    } catch {
      // It was deleted from the queue, or the server is away: the next news says more.
    }
    asking = false;
    if (again) ask();
  }
  poll.addEventListener("status", ask);
  ask();
  return stop;
}

function previewsEnded(job) {
  store.refresh();
  const kept = job.parts.filter((part) => part.preview_note === "");
  const problems = job.parts
    .filter((part) => part.preview_note || part.error)
    .map((part) => `${part.label}: ${part.preview_note || part.error.message}`);
  const text = say("previews.made", { count: kept.length });
  if (problems.length === 0) toast(text);
  else {
    const details = problems.slice(0, SHOWN_PROBLEMS);
    const failed = say("previews.failed", { count: problems.length });
    toast(`${text} ${failed}`, { kind: "error", details });
  }
}

function showTrial(name, job) {
  const view = {
    name,
    note: el("p", { class: "run-note", role: "status" }),
    bar: el("progress", { class: "run-bar", max: 1, "aria-label": say("trial.progress") }),
    cancel: el("button", { type: "button", class: "button", text: say("run.cancel") }),
    grid: createGridView(job),
    body: el("div", { class: "trial lora-ui" }),
    comparison: null,
  };
  view.cancel.addEventListener("click", () => cancelRun(job.id, view.cancel));
  view.body.append(
    el("div", { class: "run-head" }, view.note, view.cancel),
    view.bar,
    view.grid.element,
    el("p", { class: "muted", text: say("trial.goesOn") }),
  );
  const dialog = openDialog(say("trial.title", { title: titleFor(name) }), view.body, {
    className: "dialog-compare",
  });
  const stop = follow(job.id, {
    changed: (now) => draw(view, now),
    ended: (now) => end(view, now),
  });
  draw(view, job);
  dialog.addEventListener("keydown", (event) => view.comparison?.pressed(event));
  dialog.addEventListener("close", () => {
    stop();
    view.grid.stop();
    view.comparison?.stop();
  });
}

function draw(view, job) {
  view.grid.update(job);
  view.note.textContent = isOver(job) ? "" : progressText(job);
  const done = fraction(job);
  if (done === null) view.bar.removeAttribute("value");
  else view.bar.value = done;
}

async function end(view, job) {
  view.bar.hidden = true;
  view.cancel.hidden = true;
  if (job.state !== "done") {
    view.note.textContent = job.error ? "" : say("queue.cancelled");
    if (job.error) view.body.prepend(el("div", { class: "run-problem" }, problemParts(job.error)));
    return;
  }
  try {
    const results = await Promise.all(
      job.parts.map(({ id }) => request("GET", `api/results/${encodeURIComponent(id)}`)),
    );
    if (view.body.isConnected) compare(view, results, job);
  } catch (error) {
    toastError(error);
  }
}

function compare(view, results, job) {
  const pair = results.map((result, at) => ({ ...result, label: job.parts[at].label }));
  view.grid.stop();
  view.comparison = createComparison(pair, { wipe: true });
  const last = results.at(-1);
  view.body.replaceChildren(
    view.comparison.element,
    el("div", { class: "trial-buttons" }, useButton(view.name), keepButton(view.name, last.id)),
  );
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) view.comparison.start();
  view.comparison.play.focus();
}

function useButton(name) {
  const use = el("button", { type: "button", class: "button" });
  const show = () => {
    use.disabled = store.selection.has(name);
    use.textContent = use.disabled ? say("trial.used") : say("trial.use");
  };
  use.addEventListener("click", () => {
    store.select(name);
    show();
  });
  show();
  return use;
}

/** The video becomes the card's picture, and its clip the card's example. */
function keepButton(name, result) {
  const keep = el("button", {
    type: "button",
    class: "button button-primary",
    text: say("trial.keep"),
  });
  keep.hidden = Boolean(store.byName.get(name)?.read_only);
  keep.addEventListener("click", async () => {
    keep.disabled = true;
    try {
      await request("PUT", "api/loras/thumbnail", { params: { name, result, clip: true } });
      await store.refresh();
      keep.textContent = say("trial.kept");
      toast(say("trial.done", { title: titleFor(name) }));
    } catch (error) {
      keep.disabled = false;
      toastError(error);
    }
  });
  return keep;
}
