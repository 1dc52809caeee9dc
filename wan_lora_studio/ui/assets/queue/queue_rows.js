/** The rows of the queue, and what their buttons do. A row stays one element while its job is listed, so focus stays too. */
import { address, request } from "../../../lora_ui/assets/kit/api.js";
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { seconds } from "../../../lora_ui/assets/kit/format.js";
import { toastError } from "../../../lora_ui/assets/kit/toasts.js";
import { batchTitle, fraction, progressText } from "../base/job_text.js";
import { poll } from "../base/poll.js";
import { say } from "../texts/say.js";
import { editJob } from "./queue_edit.js";

const STATES = {
  queued: say("queue.waiting"),
  running: say("queue.running"),
  done: say("queue.done"),
  failed: say("queue.failed"),
  cancelled: say("queue.cancelled"),
  interrupted: say("queue.interrupted"),
};
const ACTIONS = {
  queued: ["up", "down", "edit", "duplicate", "cancel"],
  running: ["cancel"],
  done: ["duplicate", "delete"],
  failed: ["retry", "duplicate", "delete"],
  cancelled: ["retry", "duplicate", "delete"],
  interrupted: ["retry", "duplicate", "delete"],
};
const LABELS = {
  up: "↑",
  down: "↓",
  edit: say("queue.edit"),
  duplicate: say("queue.duplicate"),
  cancel: say("run.cancel"),
  retry: say("run.retry"),
  delete: say("queue.remove"),
  grid: say("queue.openGrid"),
};
const SAID = {
  cancel: say("queue.cancelled"),
  retry: say("queue.queuedAgain"),
  duplicate: say("queue.duplicated"),
  delete: say("queue.removed"),
  pause: say("queue.isPaused"),
  resume: say("queue.goesOn"),
  clear: say("queue.cleared"),
};
const COUNTS = {
  queued: (count) => say("queue.countWaiting", { count }),
  running: (count) => say("queue.countRunning", { count }),
  done: (count) => say("queue.countDone", { count }),
  failed: (count) => say("queue.countFailed", { count }),
  cancelled: (count) => say("queue.countCancelled", { count }),
  interrupted: (count) => say("queue.countInterrupted", { count }),
};
const SPOKEN = {
  up: say("queue.up"),
  down: say("queue.down"),
  delete: say("queue.removeHint"),
};

/** Make the list show these jobs, in this order. */
export function syncRows(list, jobs) {
  const known = new Map([...list.children].map((row) => [row.dataset.id, row]));
  jobs.forEach((job, index) => {
    const row = known.get(job.id) ?? createRow(job);
    known.delete(job.id);
    update(row, job, index, jobs.length);
    if (list.children[index] !== row)
      keepingFocus(() => list.insertBefore(row, list.children[index]));
  });
  for (const row of known.values()) row.remove();
}

/** Moving an element takes its focus away. */
function keepingFocus(move) {
  const focused = document.activeElement;
  move();
  if (focused?.isConnected) focused.focus();
}

function createRow(job) {
  return el(
    "li",
    { class: "queue-row", dataset: { id: job.id } },
    el(
      "div",
      { class: "queue-head" },
      el("button", {
        type: "button",
        class: "queue-picture",
        dataset: { action: "open" },
        hidden: true,
      }),
      el("p", { class: "queue-prompt", text: job.prompt }),
    ),
    el("p", { class: "queue-state" }),
    el("progress", { class: "queue-bar", max: 1, "aria-label": say("queue.progress") }),
    el("p", { class: "queue-error" }),
    el("details", { class: "queue-parts" }, el("summary"), el("ol")),
    el("div", {
      class: "queue-actions",
      role: "group",
      "aria-label": say("queue.actions", { prompt: job.prompt }),
    }),
  );
}

function update(row, job, index, count) {
  const [head, state, bar, error, parts, actions] = row.children;
  const [picture, prompt] = head.children;
  prompt.textContent = job.prompt;
  drawPicture(picture, job);
  state.textContent = stateText(job);
  error.textContent = job.state === "cancelled" ? "" : (job.error ?? "");
  error.hidden = error.textContent === "";
  drawBar(bar, job);
  drawParts(parts, job);
  if (row.dataset.state !== job.state) drawActions(row, actions, job);
  const up = actions.querySelector('[data-action="up"]');
  if (up) {
    up.disabled = index === 0;
    up.nextElementSibling.disabled = index === count - 1;
  }
}

function stateText(job) {
  const done = job.parts.filter((part) => part.state === "done").length;
  const words = [
    batchTitle(job),
    job.state === "running" ? progressText(job) : STATES[job.state],
    job.parts.length > 0 && say("queue.videosDone", { done, count: job.parts.length }),
    job.state === "done" && job.started && took(job),
    job.model_type,
    job.loras.length > 0 && say("queue.loraCount", { count: job.loras.length }),
    job.priority !== 0 && say("queue.priorityIs", { priority: job.priority }),
  ];
  return words.filter(Boolean).join(" · ");
}

/** A clock that was set back tells nothing. */
function took(job) {
  return job.finished >= job.started && seconds(job.finished - job.started);
}

/** Of a finished video: it opens the video. Of the first one of a grid that is there: the grid. */
function drawPicture(button, job) {
  const grid = job.parts.length > 0;
  const done = job.parts.find((part) => part.state === "done");
  const id = grid ? done?.id : job.state === "done" && job.id;
  button.hidden = !id;
  if (!id || button.dataset.video === id) return;
  button.dataset.video = id;
  button.dataset.action = grid ? "grid" : "open";
  button.setAttribute(
    "aria-label",
    grid
      ? say("queue.openGridOf", { prompt: job.prompt })
      : say("queue.openVideoOf", { prompt: job.prompt }),
  );
  const image = el("img", { src: address(`api/results/${id}/poster`), alt: "", loading: "lazy" });
  image.addEventListener("error", () => {
    button.hidden = true; // the video was deleted
  });
  button.replaceChildren(image);
}

function drawBar(bar, job) {
  bar.hidden = job.state !== "running";
  const done = fraction(job);
  if (done === null) bar.removeAttribute("value");
  else bar.value = done;
}

function drawParts(details, job) {
  details.hidden = job.parts.length === 0;
  const key = job.parts.map((part) => part.state).join(" ");
  if (details.dataset.key === key) return;
  details.dataset.key = key;
  const [summary, list] = details.children;
  const counts = Object.entries(Object.groupBy(job.parts, (part) => part.state));
  const words = counts.map(([state, found]) => COUNTS[state](found.length));
  const states = words.join(", ");
  summary.textContent = say("queue.videos", { count: job.parts.length, states });
  list.replaceChildren(...job.parts.map(partRow));
}

function partRow(part) {
  const label = part.label || say("queue.nameless");
  const name =
    part.state === "done"
      ? el("a", { href: address(`api/results/${part.id}/video`), target: "_blank", text: label })
      : el("span", { text: label });
  return el(
    "li",
    { class: `part-${part.state}` },
    name,
    el("span", { class: "muted", text: STATES[part.state] }),
  );
}

function actionsOf({ state, parts }) {
  return parts.length > 0 ? ["grid", ...ACTIONS[state]] : ACTIONS[state];
}

function drawActions(row, actions, job) {
  const { state } = job;
  const focused = actions.contains(document.activeElement);
  row.dataset.state = state;
  actions.replaceChildren(
    ...actionsOf(job).map((name) =>
      el("button", {
        type: "button",
        class: "button",
        text: LABELS[name],
        "aria-label": SPOKEN[name],
        title: SPOKEN[name],
        dataset: { action: name },
      }),
    ),
  );
  if (focused) actions.firstElementChild.focus();
}

/** Do it, and say in `said` that it is done; what is refused is shown in words. */
export async function act(name, id, { position }, said) {
  try {
    if (name === "edit") {
      await editJob(id);
      return;
    }
    await asked(name, id, position);
    said.textContent = name === "move" ? say("queue.movedTo", { position }) : SAID[name];
  } catch (error) {
    toastError(error);
  }
  await poll.now();
}

function asked(name, id, position) {
  if (["pause", "resume", "clear"].includes(name)) return request("POST", `api/queue/${name}`);
  if (name === "delete") return request("DELETE", `api/jobs/${id}`);
  const body = name === "move" ? { position } : undefined;
  return request("POST", `api/jobs/${id}/${name}`, { body });
}
