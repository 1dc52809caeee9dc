/** Title of the browser's tab: how far the run is, and that it has ended. */
import { fraction } from "../base/job_text.js";
import { poll } from "../base/poll.js";
import { notifyOfEnd } from "./notify.js";

const OPEN = ["queued", "running"];
const ENDED = { done: "Done", failed: "Failed", interrupted: "Interrupted" };

/** Keep the title up to date. What has ended stays in it until somebody looks. */
export function connectTitle() {
  const usual = document.querySelector('meta[name="application-name"]')?.content ?? document.title;
  let open = ""; // the run that was seen going on
  let ended = "";
  const draw = () => {
    const job = poll.status?.job;
    if (job && OPEN.includes(job.state)) {
      open = job.id;
      ended = "";
    } else if (job && job.id === open) {
      open = "";
      ended = document.hidden ? (ENDED[job.state] ?? "") : "";
      notifyOfEnd(job);
    }
    const said = job?.state === "running" ? runningText(job) : ended;
    const title = said ? `${said} · ${usual}` : usual;
    if (document.title !== title) document.title = title;
  };
  poll.addEventListener("status", draw);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) ended = "";
    draw();
  });
}

function runningText(job) {
  const done = fraction(job);
  return done === null ? "Starting" : `${Math.floor(done * 100)} %`;
}
