/** Deleted LoRAs that can still be brought back. */
import { megabytes, plural } from "../kit/format.js";
import { toastError } from "../kit/toasts.js";
import { openTrashDialog, whenDeleted } from "../kit/trash_dialog.js";
import { emptyTrash, fromTrash, trashed } from "../model/library_api.js";
import { titleFor } from "../model/lora_text.js";
import { store } from "../model/store.js";

export async function showTrash() {
  try {
    const { trash } = await trashed();
    openTrashDialog("Trash", trash, {
      shown: ({ name, size_mb: size, deleted }) => ({
        title: name,
        facts: [megabytes(size), whenDeleted(deleted)],
      }),
      counted: (entries) => plural(entries.length, "LoRA"),
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
  return `${titleFor(name)} is back.`;
}
