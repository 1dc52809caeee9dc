/** Short messages in the corner; an action, such as Undo, keeps them longer. */

import { say } from "../texts/say.js";
import { connection } from "./api.js";
import { actionButton, el } from "./dom.js";

const PLAIN_MS = 5000;
const ACTION_MS = 12000;

/** Show `text`; `kind` is info or error; `action` is {label, run}. Gives what takes it away. */
export function toast(text, { kind = "info", details = [], action = null } = {}) {
  const box = el(
    "div",
    { class: `toast toast-${kind}`, role: kind === "error" ? "alert" : "status" },
    el(
      "div",
      { class: "toast-text" },
      el("p", { text }),
      ...details.map((line) => el("p", { class: "muted", text: line })),
    ),
  );
  const close = () => box.remove();
  if (action) {
    const button = el("button", { type: "button", class: "button", text: action.label });
    button.addEventListener("click", () => {
      close();
      action.run();
    });
    box.append(button);
  }
  const dismiss = actionButton("dismiss", say("toast.dismiss"), "close", { class: "icon-button" });
  dismiss.addEventListener("click", close);
  box.append(dismiss);
  region().append(box);
  setTimeout(close, action || kind === "error" ? ACTION_MS : PLAIN_MS);
  return close;
}

export function toastError(error) {
  const close = toast(error.message, { kind: "error", details: error.suggestions ?? [] });
  if (error.category === "connection") connection.addEventListener("back", close, { once: true });
}

/** Where toasts are shown: in an open dialog, since what is outside of it cannot be clicked. */
function region() {
  let found = document.getElementById("lora-toasts");
  if (!found) found = el("div", { id: "lora-toasts", class: "lora-toasts" });
  const dialog = [...document.querySelectorAll("dialog[open]")].pop();
  const host = dialog ?? document.body;
  if (found.parentElement !== host) host.append(found);
  dialog?.addEventListener("close", () => document.body.append(found), { once: true });
  return found;
}
