/** What the library does in the background: how far it is, and a button that stops it. */
import { actionButton, el } from "../kit/dom.js";
import { toast, toastError } from "../kit/toasts.js";
import * as library from "../model/library_api.js";
import { store } from "../model/store.js";

const ASK_MS = 1000;
const WORDS = {
  looking: "Looking through the folder",
  reading: "Reading LoRA files",
  texts: "Reading the texts beside them",
  pictures: "Making thumbnails",
  hashing: "Computing checksums",
};

/** The line; it keeps itself up to date and is hidden while nothing goes on. */
export function createRefreshLine() {
  const text = el("span");
  const bar = el("progress", { max: 1, "aria-label": "Looking through the LoRA folder" });
  const stop = actionButton("stop-refresh", "Stop looking through the folder", "close", {
    class: "icon-button",
  });
  const line = el("p", { class: "refresh-line muted", hidden: true }, text, bar, stop);
  let timer = 0;

  function show(progress) {
    line.hidden = progress === null;
    if (progress === null) return;
    const { stage, done, total } = progress;
    const words = WORDS[stage] ?? stage;
    text.textContent =
      total > 0 ? `${words}: ${done.toLocaleString()} of ${total.toLocaleString()}` : words;
    if (total > 0) bar.value = done / total;
    else bar.removeAttribute("value");
  }

  async function ask() {
    timer = 0;
    let progress = null;
    try {
      progress = await library.refreshProgress();
    } catch {
      return; // the lost connection is told elsewhere, and what comes after it is a reading
    }
    show(progress);
    if (progress === null) store.refresh();
    else timer = setTimeout(ask, ASK_MS);
  }

  stop.addEventListener("click", async () => {
    stop.disabled = true;
    try {
      await library.stopLooking();
      await store.refresh();
      toast("Stopped. What was found until now is kept.", {
        details: ["Choose “Rescan folder” in the library's menu to go on."],
      });
    } catch (error) {
      toastError(error);
    }
    stop.disabled = false;
  });
  store.addEventListener("library", () => {
    show(store.progress);
    if (store.progress !== null && timer === 0) timer = setTimeout(ask, ASK_MS);
  });
  return line;
}
