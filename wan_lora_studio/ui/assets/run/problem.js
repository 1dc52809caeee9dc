/** Diagnostics of a failed run, to be copied and sent along. */
import { address } from "../../../lora_ui/assets/kit/api.js";
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { toast, toastError } from "../../../lora_ui/assets/kit/toasts.js";
import { say } from "../texts/say.js";

/** A button that copies versions, hardware, settings and the chain of errors of a failed run. */
export function copyDiagnostics(jobId) {
  const button = el("button", { type: "button", class: "button", text: say("diagnostics.copy") });
  button.addEventListener("click", () => copy(address(`api/jobs/${jobId}/diagnostics`), button));
  return button;
}

async function copy(url, button) {
  button.disabled = true;
  try {
    const response = await fetch(url);
    if (!response.ok) throw new Error(say("diagnostics.unread"));
    await toClipboard(await response.text());
    toast(say("diagnostics.copied"));
  } catch (error) {
    toastError(error);
  }
  button.disabled = false;
}

/** The clipboard API is there on secure addresses only; on others a selection is copied. */
async function toClipboard(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = el("textarea", { value: text, class: "visually-hidden", "aria-hidden": "true" });
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  if (!copied) throw new Error(say("diagnostics.noCopy"));
}
