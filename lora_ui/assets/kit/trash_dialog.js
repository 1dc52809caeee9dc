/** A dialog with what was deleted and can still be brought back. */

import { say } from "../texts/say.js";
import { confirmDialog, openDialog } from "./dialogs.js";
import { el } from "./dom.js";
import { toast, toastError } from "./toasts.js";

/**
 * `entries` are those of the trash; what they are is told by
 * - `shown(entry)`: `{title, facts, picture}`, `picture` an element or nothing
 * - `counted(entries)`: how many there are, in words
 * - `restore(entry)`: brings one back; resolves to what to say then
 * - `empty()`: deletes all for good
 * - `className` of the dialog
 */
export function openTrashDialog(title, entries, { shown, counted, restore, empty, className }) {
  const list = el("ul", { class: "trash" });
  const none = el("p", { class: "muted", text: say("trash.none") });
  const emptying = el("button", {
    type: "button",
    class: "button button-danger",
    text: say("trash.empty"),
  });
  const dialog = openDialog(title, [none, list], { className, buttons: [emptying] });
  const draw = () => {
    list.replaceChildren(...entries.map((entry) => row(entry, shown(entry), bringBack)));
    none.hidden = entries.length > 0;
    emptying.hidden = entries.length === 0;
  };
  const bringBack = async (entry) => {
    try {
      const said = await restore(entry);
      entries.splice(entries.indexOf(entry), 1);
      draw();
      (list.querySelector("button") ?? dialog.querySelector("button")).focus();
      toast(said);
    } catch (error) {
      toastError(error);
    }
  };
  emptying.addEventListener("click", async () => {
    const text = say("trash.emptyText", { what: counted(entries) });
    if (!(await confirmDialog(say("trash.emptyTitle"), text, say("trash.emptyVerb")))) return;
    try {
      await empty();
      dialog.close();
      toast(say("trash.emptied"));
    } catch (error) {
      toastError(error);
    }
  });
  draw();
}

function row(entry, { title, facts, picture }, bringBack) {
  const back = el("button", {
    type: "button",
    class: "button",
    text: say("trash.restore"),
    "aria-label": say("trash.restoreOne", { title }),
  });
  back.addEventListener("click", () => bringBack(entry));
  return el(
    "li",
    { dataset: { id: entry.id } },
    picture,
    el(
      "span",
      { class: "trash-name" },
      el("span", { text: title }),
      el("span", { class: "muted", text: facts.join(", ") }),
    ),
    back,
  );
}

/** `moment` is anything that a Date is made of. */
export function whenDeleted(moment) {
  return say("trash.deletedAt", { when: new Date(moment).toLocaleString() });
}
