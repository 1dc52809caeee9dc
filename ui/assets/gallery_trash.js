/** Deleted videos that can still be brought back. */
import { address, request } from "../../lora_ui/assets/api.js";
import { confirmDialog, openDialog } from "../../lora_ui/assets/dialogs.js";
import { el } from "../../lora_ui/assets/dom.js";
import { bytes, plural } from "../../lora_ui/assets/format.js";
import { toast, toastError } from "../../lora_ui/assets/toasts.js";
import { results } from "./results.js";

export async function openTrash() {
  try {
    const { results: entries } = await request("GET", "api/results/trash");
    show(entries);
  } catch (error) {
    toastError(error);
  }
}

function show(entries) {
  const list = el("ul", { class: "trash result-trash" });
  const none = el("p", { class: "muted", text: "Nothing is in the trash." });
  const empty = el("button", {
    type: "button",
    class: "button button-danger",
    text: "Empty the trash",
  });
  const dialog = openDialog("Deleted videos", [none, list], { buttons: [empty] });
  const draw = () => {
    list.replaceChildren(...entries.map((entry) => row(entry, restore)));
    none.hidden = entries.length > 0;
    empty.hidden = entries.length === 0;
  };
  const restore = async (entry) => {
    try {
      await request("POST", `api/results/${encodeURIComponent(entry.id)}/undo`);
      entries.splice(entries.indexOf(entry), 1);
      draw();
      (list.querySelector("button") ?? dialog.querySelector("button")).focus();
      await results.search();
      toast("The video is back.");
    } catch (error) {
      toastError(error);
    }
  };
  empty.addEventListener("click", async () => {
    const size = entries.reduce((sum, entry) => sum + entry.size, 0);
    const text = `${plural(entries.length, "video")} (${bytes(size)}) will be deleted for good. This cannot be undone.`;
    if (!(await confirmDialog("Empty the trash?", text, "Delete for good"))) return;
    try {
      await request("POST", "api/results/trash/empty");
      dialog.close();
      toast("The trash is empty.");
    } catch (error) {
      toastError(error);
    }
  });
  draw();
}

function row(entry, restore) {
  const title = entry.prompt || "Video without a prompt";
  const back = el("button", {
    type: "button",
    class: "button",
    text: "Bring back",
    "aria-label": `Bring back: ${title}`,
  });
  back.addEventListener("click", () => restore(entry));
  const poster = el("img", { class: "trash-poster", src: address(entry.poster_url), alt: "" });
  poster.addEventListener("error", () => {
    poster.style.visibility = "hidden"; // a video that had none beside it
  });
  const when = new Date(entry.deleted * 1000).toLocaleString();
  const facts = [bytes(entry.size), entry.seed !== null && `seed ${entry.seed}`, `deleted ${when}`];
  return el(
    "li",
    { dataset: { id: entry.id } },
    poster,
    el(
      "span",
      { class: "trash-name" },
      el("span", { text: title }),
      el("span", { class: "muted", text: facts.filter(Boolean).join(", ") }),
    ),
    back,
  );
}
