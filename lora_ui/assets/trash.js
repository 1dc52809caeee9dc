/** What was deleted and can still be brought back. */
import { confirmDialog, openDialog } from "./dialogs.js";
import { el } from "./dom.js";
import { megabytes, plural } from "./format.js";
import { emptyTrash, fromTrash, trashed } from "./library_api.js";
import { store } from "./store.js";
import { toast, toastError } from "./toasts.js";

export async function showTrash() {
  try {
    const entries = await trashed();
    open(Array.isArray(entries) ? entries : entries.trash);
  } catch (error) {
    toastError(error);
  }
}

function open(entries) {
  const list = el("ul", { class: "trash" });
  const none = el("p", { class: "muted", text: "Nothing is in the trash." });
  const empty = el("button", {
    type: "button",
    class: "button button-danger",
    text: "Empty the trash",
  });
  const dialog = openDialog("Trash", [none, list], { buttons: entries.length > 0 ? [empty] : [] });
  const draw = () => {
    list.replaceChildren(...entries.map((entry) => row(entry, restore)));
    none.hidden = entries.length > 0;
  };
  const restore = async (entry) => {
    try {
      await fromTrash(entry.name, entry.id);
      entries.splice(entries.indexOf(entry), 1);
      draw();
      await store.refresh();
      toast(`${entry.name} is back.`);
    } catch (error) {
      toastError(error);
    }
  };
  empty.addEventListener("click", async () => {
    const text = `${plural(entries.length, "LoRA")} will be deleted for good. This cannot be undone.`;
    if (!(await confirmDialog("Empty the trash?", text, "Delete for good"))) return;
    try {
      await emptyTrash();
      dialog.close();
      toast("The trash is empty.");
    } catch (error) {
      toastError(error);
    }
  });
  draw();
}

function row(entry, restore) {
  const back = el("button", {
    type: "button",
    class: "button",
    text: "Bring back",
    "aria-label": `Bring back ${entry.name}`,
  });
  back.addEventListener("click", () => restore(entry));
  return el(
    "li",
    {},
    el(
      "span",
      { class: "trash-name" },
      el("span", { text: entry.name }),
      el("span", {
        class: "muted",
        text: `${megabytes(entry.size_mb)}, deleted ${new Date(entry.deleted).toLocaleString()}`,
      }),
    ),
    back,
  );
}
