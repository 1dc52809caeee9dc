/** Run strip: on a phone, progress and Cancel in the place of the Generate button. */
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { fraction, progressText } from "../base/job_text.js";
import { poll } from "../base/poll.js";
import { say } from "../texts/say.js";
import { cancelRun } from "./cancel_run.js";

const OPEN = ["queued", "running"];

export function mount({ element }) {
  const note = el("p", { class: "strip-note" });
  const bar = el("progress", { class: "run-bar", max: 1, "aria-label": say("run.progress") });
  const another = el("button", { type: "button", class: "button", text: say("run.another") });
  const cancel = el("button", { type: "button", class: "button", text: say("run.cancel") });
  element.classList.add("lora-ui", "run-strip");
  element.replaceChildren(note, bar, el("div", { class: "strip-buttons" }, another, cancel));
  let shown = "";
  another.addEventListener("click", () => document.getElementById("generate-button")?.click());
  cancel.addEventListener("click", () => {
    note.textContent = say("run.stopping");
    cancelRun(shown, cancel);
  });
  const draw = () => {
    const job = poll.status?.job;
    const open = job && OPEN.includes(job.state);
    document.getElementById("generate-run")?.classList.toggle("is-running", Boolean(open));
    if (!open) {
      shown = "";
      return;
    }
    if (job.id !== shown) cancel.disabled = false;
    shown = job.id;
    note.textContent = progressText(job);
    const done = fraction(job);
    if (done === null) bar.removeAttribute("value");
    else bar.value = done;
  };
  poll.addEventListener("status", draw);
  draw();
}
