/** What can be done to a LoRA: rename, delete with undo. Each says how it went. */
import { request } from "./api.js";
import { confirmDialog, nameDialog } from "./dialogs.js";
import { store } from "./store.js";
import { toast, toastError } from "./toasts.js";

function post(action, body) {
  return request("POST", `api/loras/${action}`, { body });
}

export function renameLora(name) {
  nameDialog("Rename LoRA", "New name", name, async (newName) => {
    await post("rename", { name, new_name: newName });
    store.renamed(name, newName);
    await store.refresh();
    toast(`${name} is now called ${newName}.`);
  });
}

export async function deleteLora(name) {
  const text = `${name} goes to the library's trash. You can undo this right afterwards.`;
  if (!(await confirmDialog("Delete LoRA?", text, "Delete"))) return;
  const strength = store.selection.get(name);
  try {
    await post("delete", { name });
    store.deselect(name);
    await store.refresh();
    toast(`${name} was deleted.`, {
      action: { label: "Undo", run: () => undoDelete(name, strength) },
    });
  } catch (error) {
    toastError(error);
  }
}

async function undoDelete(name, strength) {
  try {
    await post("undo", { name });
    await store.refresh();
    if (strength !== undefined) store.select(name, strength);
    toast(`${name} is back.`);
  } catch (error) {
    toastError(error);
  }
}
