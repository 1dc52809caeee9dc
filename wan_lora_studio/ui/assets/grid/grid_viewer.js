/** A grid in a dialog of its own, at its address `#grid/ID`. */
import { request } from "../../../lora_ui/assets/kit/api.js";
import { openDialog } from "../../../lora_ui/assets/kit/dialogs.js";
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { pageAddress } from "../../../lora_ui/assets/kit/page_address.js";
import { toastError } from "../../../lora_ui/assets/kit/toasts.js";
import { batchTitle, gridStateText } from "../base/job_text.js";
import { poll } from "../base/poll.js";
import { say } from "../texts/say.js";
import { createGridView } from "./grid_view.js";

const OPEN = ["queued", "running"];
const RETRYABLE = ["failed", "cancelled", "interrupted"];

/** The one that is open. */
const opened = { view: null };

export function closeGrid() {
  opened.view?.dialog.close();
}

/** Show the grid of a job. */
export async function openGrid(id) {
  if (opened.view?.id === id && opened.view.dialog.open) return;
  closeGrid();
  let job = null;
  try {
    job = await request("GET", `api/jobs/${encodeURIComponent(id)}`);
  } catch (error) {
    toastError(error);
    pageAddress.set({ grid: null });
    return;
  }
  const view = {
    id,
    job,
    note: el("p", { role: "status", class: "grid-state" }),
    cancel: button(say("grid.cancel"), () => ask(view, "cancel")),
    retry: button(say("grid.retry"), () => ask(view, "retry")),
    grid: createGridView(job, { used: () => view.dialog.close() }),
    dialog: null,
  };
  view.dialog = openDialog(
    batchTitle(job) || say("grid.videosAlone", { count: job.parts.length }),
    el(
      "div",
      { class: "grid-view lora-ui" },
      el("div", { class: "grid-head" }, view.note, view.cancel, view.retry),
      view.grid.element,
      el("p", { class: "run-prompt muted", text: job.task.prompt }),
    ),
    { className: "dialog-grid-view" },
  );
  opened.view = view;
  const left = pageAddress.open("grid", id);
  const follow = () => read(view);
  poll.addEventListener("status", follow);
  view.dialog.addEventListener("close", () => {
    poll.removeEventListener("status", follow);
    view.grid.stop();
    left();
  });
  draw(view);
}

function button(text, run) {
  const made = el("button", { type: "button", class: "button", text });
  made.addEventListener("click", run);
  return made;
}

function draw(view) {
  const { job } = view;
  view.note.textContent = gridStateText(job);
  view.cancel.hidden = !OPEN.includes(job.state);
  view.retry.hidden = !RETRYABLE.includes(job.state);
  view.grid.update(job);
}

/** The newest of it: from the status where it is the current run, else asked for. */
async function read(view) {
  const current = poll.status?.job;
  if (current?.id === view.id) view.job = current;
  else if (OPEN.includes(view.job.state)) {
    try {
      view.job = await request("GET", `api/jobs/${encodeURIComponent(view.id)}`);
    } catch {
      return; // the next status asks again
    }
  } else return;
  if (view.dialog.open) draw(view);
}

async function ask(view, action) {
  const asked = view[action];
  asked.disabled = true;
  try {
    await request("POST", `api/jobs/${encodeURIComponent(view.id)}/${action}`);
    view.job = await request("GET", `api/jobs/${encodeURIComponent(view.id)}`);
    draw(view);
  } catch (error) {
    toastError(error);
  }
  asked.disabled = false;
  poll.now();
}
