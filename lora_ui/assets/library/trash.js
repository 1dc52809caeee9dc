/** Deleted LoRAs that can still be brought back. */
import { megabytes } from "../kit/format.js";
import { toastError } from "../kit/toasts.js";
import { openTrashDialog, whenDeleted } from "../kit/trash_dialog.js";
import { emptyTrash, fromTrash, trashed } from "../model/library_api.js";
import { titleFor } from "../model/lora_text.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";

export async function showTrash() {
  try {
    const { trash } = await trashed();
    openTrashDialog(say("trash.title"), trash, {
      shown: ({ name, size_mb: size, deleted }) => ({
        title: name,
        facts: [megabytes(size), whenDeleted(deleted)],
      }),
      counted: (entries) => say("many.loras", { count: entries.length }),
      restore,
      empty: emptyTrash,
    });
  } catch (error) {
    toastError(error);
  }
}

async function restore({ name, id }) {
  await fromTrash(name, id);
  await store.refresh();
  return say("trash.back", { title: titleFor(name) });
}
