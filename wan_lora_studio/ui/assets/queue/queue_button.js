/** The button in the page's head that opens the queue, and says how much is in it. */
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { poll } from "../base/poll.js";
import { openQueue } from "./queue_panel.js";

export function queueButton() {
  const count = el("span", { class: "queue-count", "aria-hidden": "true" });
  const button = el(
    "button",
    { type: "button", class: "button button-quiet", id: "queue-button", "aria-haspopup": "dialog" },
    "Queue",
    count,
  );
  button.addEventListener("click", openQueue);
  const draw = () => show(button, count, poll.status);
  poll.addEventListener("status", draw);
  draw();
  return button;
}

function show(button, count, status) {
  const running = status?.running?.length ?? 0;
  const waiting = status?.queue?.length ?? 0;
  // Drawn by css: the button's name says it in words.
  count.dataset.count = status?.paused ? `${running + waiting} paused` : running + waiting;
  count.hidden = running + waiting === 0 && !status?.paused;
  const words = [`${running} running`, `${waiting} waiting`, status?.paused && "paused"];
  button.setAttribute("aria-label", `Queue: ${words.filter(Boolean).join(", ")}`);
}
