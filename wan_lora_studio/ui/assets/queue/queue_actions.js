/** What the queue's buttons do. */
import { request } from "../../../lora_ui/assets/kit/api.js";
import { toastError } from "../../../lora_ui/assets/kit/toasts.js";
import { poll } from "../base/poll.js";
import { editJob } from "./queue_edit.js";

const SAID = {
  cancel: "Cancelled",
  retry: "Queued again",
  duplicate: "A copy waits in the queue",
  delete: "Removed from the list",
  pause: "The queue is paused",
  resume: "The queue goes on",
  clear: "Finished jobs removed",
};

/** Do it, and say in `said` that it is done; what is refused is shown in words. */
export async function act(name, id, { position }, said) {
  try {
    if (name === "edit") {
      await editJob(id);
      return;
    }
    await asked(name, id, position);
    said.textContent = name === "move" ? `Moved to place ${position}` : SAID[name];
  } catch (error) {
    toastError(error);
  }
  await poll.now();
}

function asked(name, id, position) {
  if (["pause", "resume", "clear"].includes(name)) return request("POST", `api/queue/${name}`);
  if (name === "delete") return request("DELETE", `api/jobs/${id}`);
  const body = name === "move" ? { position } : undefined;
  return request("POST", `api/jobs/${id}/${name}`, { body });
}
