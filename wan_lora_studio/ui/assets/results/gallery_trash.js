/** Deleted videos that can still be brought back. */
import { address, request } from "../../../lora_ui/assets/kit/api.js";
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { bytes } from "../../../lora_ui/assets/kit/format.js";
import { toastError } from "../../../lora_ui/assets/kit/toasts.js";
import { openTrashDialog, whenDeleted } from "../../../lora_ui/assets/kit/trash_dialog.js";
import { say } from "../texts/say.js";
import { results } from "./results.js";

export async function openTrash() {
  try {
    const { results: entries } = await request("GET", "api/results/trash");
    openTrashDialog(say("gallery.trash"), entries, {
      className: "result-trash",
      shown,
      counted,
      restore,
      empty: () => request("POST", "api/results/trash/empty"),
    });
  } catch (error) {
    toastError(error);
  }
}

function shown({ prompt, size, seed, deleted, poster_url: url }) {
  const picture = el("img", { class: "trash-poster", src: address(url), alt: "" });
  picture.addEventListener("error", () => {
    picture.style.visibility = "hidden"; // a video that had none beside it
  });
  const facts = [
    bytes(size),
    seed !== null && say("video.seed", { seed: String(seed) }),
    whenDeleted(deleted * 1000),
  ];
  return { title: prompt || say("video.untitled"), facts: facts.filter(Boolean), picture };
}

function counted(entries) {
  const size = entries.reduce((sum, entry) => sum + entry.size, 0);
  return say("gallery.trashCount", { count: entries.length, size: bytes(size) });
}

async function restore({ id }) {
  await request("POST", `api/results/${encodeURIComponent(id)}/undo`);
  await results.reread();
  return say("result.back");
}
