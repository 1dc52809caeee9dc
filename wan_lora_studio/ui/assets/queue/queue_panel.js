/** The queue: its button in the head, and its dialog with what runs, waits and has ended. */
import { request } from "../../../lora_ui/assets/kit/api.js";
import { confirmDialog, openDialog } from "../../../lora_ui/assets/kit/dialogs.js";
import { delegate, el } from "../../../lora_ui/assets/kit/dom.js";
import { isDragging, makeSortable } from "../../../lora_ui/assets/kit/drag_order.js";
import { toastError } from "../../../lora_ui/assets/kit/toasts.js";
import { poll } from "../base/poll.js";
import { showGrid } from "../base/run_events.js";
import { openViewer } from "../results/viewer.js";
import { say } from "../texts/say.js";
import { act, syncRows } from "./queue_rows.js";

const LISTED = 100;
const ENDED = ["done", "failed", "cancelled", "interrupted"];
let open = null;

/** The button in the page's head: it opens the queue, and says how much is in it. */
export function queueButton() {
  const count = el("span", { class: "queue-count", "aria-hidden": "true" });
  const button = el(
    "button",
    { type: "button", class: "button button-quiet", id: "queue-button", "aria-haspopup": "dialog" },
    say("queue.title"),
    count,
  );
  button.addEventListener("click", openQueue);
  const draw = () => showCount(button, count, poll.status);
  poll.addEventListener("status", draw);
  draw();
  return button;
}

function showCount(button, count, status) {
  const running = status?.running?.length ?? 0;
  const waiting = status?.queue?.length ?? 0;
  // Drawn by css: the button's name says it in words.
  const all = running + waiting;
  count.dataset.count = status?.paused ? say("queue.countPaused", { count: all }) : all;
  count.hidden = running + waiting === 0 && !status?.paused;
  const numbers = { running, waiting };
  const label = status?.paused ? say("queue.labelPaused", numbers) : say("queue.label", numbers);
  button.setAttribute("aria-label", label);
}

function openQueue() {
  if (open) return;
  const view = createView();
  open = view;
  const dialog = openDialog(say("queue.title"), view.content, { className: "queue-dialog" });
  const draw = () => drawQueue(view);
  poll.addEventListener("status", draw);
  dialog.addEventListener("close", () => {
    poll.removeEventListener("status", draw);
    open = null;
    document.getElementById("queue-button")?.focus();
  });
  draw();
  poll.now();
}

function createView() {
  const view = {
    ended: [],
    rev: null,
    pause: el("button", { type: "button", class: "button", dataset: { action: "pause" } }),
    clear: el("button", {
      type: "button",
      class: "button",
      text: say("queue.clear"),
      dataset: { action: "clear" },
    }),
    said: el("p", { class: "visually-hidden", role: "status" }),
    running: section(say("queue.running")),
    waiting: section(say("queue.waiting")),
    finished: section(say("queue.finished")),
    empty: el("p", { class: "muted queue-empty", text: say("queue.empty") }),
  };
  view.content = el(
    "div",
    { class: "queue" },
    el("div", { class: "queue-tools" }, view.pause, view.clear),
    view.said,
    view.running.element,
    view.waiting.element,
    view.finished.element,
    view.empty,
  );
  delegate(view.content, "click", (target) => pressed(view, target));
  makeSortable(view.waiting.list, { handle: ".queue-row", key: "id" }, (order, id) => {
    if (order) act("move", id, { position: order.indexOf(id) + 1 }, view.said);
    else drawQueue(view);
  });
  return view;
}

function section(title) {
  const list = el("ol", { class: "queue-list", "aria-label": title });
  const element = el("section", {}, el("h3", { text: title }), list);
  return { list, element };
}

function drawQueue(view) {
  const { status } = poll;
  if (!status) return;
  view.pause.textContent = status.paused ? say("queue.resume") : say("queue.pause");
  view.pause.setAttribute("aria-pressed", String(status.paused));
  show(view.running, status.running);
  if (!isDragging(view.waiting.list)) show(view.waiting, status.queue);
  const unended = new Set([...status.running, ...status.queue].map((job) => job.id));
  show(
    view.finished,
    view.ended.filter((job) => !unended.has(job.id)), // one that was just queued again
  );
  view.clear.disabled = view.ended.length === 0;
  const total = status.running.length + status.queue.length + view.ended.length;
  view.empty.hidden = total > 0;
  if (view.rev !== status.jobs_rev) loadEnded(view, status.jobs_rev);
}

function show({ list, element }, jobs) {
  element.hidden = jobs.length === 0;
  syncRows(list, jobs);
}

async function loadEnded(view, rev) {
  view.rev = rev;
  try {
    const params = { summary: true, limit: LISTED };
    const jobs = await request("GET", "api/jobs", { params });
    if (view.rev !== rev) return; // a newer list is on its way
    view.ended = jobs.filter((job) => ENDED.includes(job.state));
    drawQueue(view);
  } catch (error) {
    view.rev = null;
    toastError(error);
  }
}

async function pressed(view, target) {
  const { action } = target.dataset;
  if (action === "pause") await act(poll.status?.paused ? "resume" : "pause", "", {}, view.said);
  else if (action === "clear") await clear(view);
  else if (action === "open") await openViewer(target.dataset.video);
  else if (action === "grid") showGrid(target.closest(".queue-row").dataset.id);
  else {
    const row = target.closest(".queue-row");
    const index = [...row.parentElement.children].indexOf(row);
    const position = index + (action === "up" ? 0 : 2);
    const name = action === "up" || action === "down" ? "move" : action;
    if (name === "delete" && !(await mayRemove(view, row.dataset.id))) return;
    await act(name, row.dataset.id, { position }, view.said);
    if (name === "move") row.querySelector(`[data-action="${action}"]:not(:disabled)`)?.focus();
  }
}

async function clear(view) {
  const unmade = view.ended.filter((job) => job.state !== "done").length;
  const grids = view.ended.filter(holdsVideos).length;
  const lost = [
    unmade > 0 && say("queue.clearText", { count: unmade }),
    grids > 0 && say("grid.apart", { count: grids }),
  ].filter(Boolean);
  const agreed =
    lost.length === 0 ||
    (await confirmDialog(say("queue.clearTitle"), lost.join(" "), say("queue.clearVerb")));
  if (agreed) await act("clear", "", {}, view.said);
}

/** A grid that is forgotten leaves its videos, each on its own. */
async function mayRemove(view, id) {
  const job = view.ended.find((one) => one.id === id);
  if (!job || !holdsVideos(job)) return true;
  return confirmDialog(
    say("grid.removeTitle"),
    say("grid.apart", { count: 1 }),
    say("grid.removeVerb"),
  );
}

function holdsVideos({ grid, parts }) {
  return Boolean(grid) && parts.some(({ state }) => state === "done");
}
