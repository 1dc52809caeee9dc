/** Cancelling a run. */
import { request } from "../../../lora_ui/assets/kit/api.js";
import { toastError } from "../../../lora_ui/assets/kit/toasts.js";
import { poll } from "../base/poll.js";

/** The button stays off until the run has stopped, or could not be told to. */
export async function cancelRun(jobId, button) {
  button.disabled = true;
  try {
    await request("POST", `api/jobs/${jobId}/cancel`);
  } catch (error) {
    button.disabled = false;
    toastError(error);
  }
  poll.now();
}
