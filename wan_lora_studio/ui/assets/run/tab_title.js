/** Title of the browser's tab: how far the run is, and that it has ended. */
import { fraction } from "../base/job_text.js";
import { poll } from "../base/poll.js";
import { say } from "../texts/say.js";
import { notifyOfEnd } from "./notify.js";

const OPEN = ["queued", "running"];
const ENDED = {
  done: say("title.done"),
  failed: say("title.failed"),
  interrupted: say("title.interrupted"),
};

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
  return done === null
    ? say("run.starting")
    : say("run.percent", { value: Math.floor(done * 100) });
}
