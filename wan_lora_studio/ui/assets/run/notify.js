/** Notifications of the browser: a run has ended while the page was not seen. */
import { address } from "../../../lora_ui/assets/kit/api.js";
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { toast } from "../../../lora_ui/assets/kit/toasts.js";
import { say } from "../texts/say.js";

const KEY = "studio-notify";
const ENDED = {
  done: say("notify.done"),
  failed: say("notify.failed"),
  interrupted: say("notify.interrupted"),
};

/** Asks once for the browser's permission; after that, on or off. */
export function createNotifyButton() {
  const button = el("button", {
    type: "button",
    class: "button button-quiet run-notify",
    text: say("notify.button"),
    title: say("notify.hint"),
  });
  button.dataset.able = String(isAble());
  const draw = () => button.setAttribute("aria-pressed", String(isWanted()));
  button.addEventListener("click", async () => {
    const wanted = !isWanted() && (await Notification.requestPermission()) === "granted";
    if (!wanted && Notification.permission === "denied") {
      toast(say("notify.blocked"), {
        details: [say("notify.allow")],
      });
    }
    localStorage.setItem(KEY, wanted ? "on" : "off");
    draw();
  });
  draw();
  return button;
}

/** Tell of a run that has ended, if that is wanted and nobody sees the page. */
export function notifyOfEnd(job) {
  if (!document.hidden || !isWanted() || !ENDED[job.state]) return;
  const [part] = job.parts ?? [];
  try {
    const note = new Notification(ENDED[job.state], {
      body: job.error?.message ?? job.task.prompt,
      tag: job.id, // pages that are open beside one another tell it once
      ...(job.state === "done" && { icon: address(`api/results/${part?.id ?? job.id}/poster`) }),
    });
    note.addEventListener("click", () => {
      window.focus();
      note.close();
    });
  } catch {
    // A phone's browser shows them from a service worker only.
  }
}

/** Browsers have them on secure addresses only. */
function isAble() {
  return "Notification" in window && isSecureContext;
}

function isWanted() {
  return isAble() && Notification.permission === "granted" && localStorage.getItem(KEY) === "on";
}
