/** LoRAs that were uploaded for the video that is being set up: one that fits is added to it. */
import { toast } from "../kit/toasts.js";
import { fits, titleFor } from "../model/lora_text.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";

/**
 * Add what these rows brought, once all have come to an end, if that is one LoRA that fits; of
 * several each has its button, but for those that a video's settings are waiting for. Gives whether they have come to an end.
 */
export function addWhatCame(rows) {
  if (!rows.every((row) => row.isOver || row.brought.length > 0)) return false;
  const names = [...new Set(rows.flatMap((row) => row.brought))];
  const isAwaited = (name) => store.awaitedAs(store.byName.get(name)) !== undefined;
  for (const name of names.length === 1 ? names : names.filter(isAwaited)) addFitting(name);
  return true;
}

function addFitting(name) {
  if (!fits(store.byName.get(name), store.model) || store.selection.has(name)) return;
  addToVideo(name);
}

/** Select a LoRA, and say so with a way back. */
export function addToVideo(name) {
  store.select(name);
  toast(say("upload.added", { title: titleFor(name) }), {
    action: { label: say("action.undo"), run: () => store.deselect(name) },
  });
}
