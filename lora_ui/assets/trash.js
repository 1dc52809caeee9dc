/** Deleted LoRAs that can still be brought back. */
import { megabytes, plural } from "./format.js";
import { emptyTrash, fromTrash, trashed } from "./library_api.js";
import { store } from "./store.js";
import { toastError } from "./toasts.js";
import { openTrashDialog, whenDeleted } from "./trash_dialog.js";

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
  return `${name} is back.`;
}
