/** What the library does in the background: how far it is, and a button that stops it. */
import { actionButton, el } from "../kit/dom.js";
import { toast, toastError } from "../kit/toasts.js";
import * as library from "../model/library_api.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";

const ASK_MS = 1000;
const WORDS = {
  looking: say("refresh.looking"),
  reading: say("refresh.reading"),
  texts: say("refresh.texts"),
  pictures: say("refresh.pictures"),
  hashing: say("refresh.hashing"),
};

/** The line; it keeps itself up to date and is hidden while nothing goes on. */
export function createRefreshLine() {
  const text = el("span");
  const bar = el("progress", { max: 1, "aria-label": say("empty.looking") });
  const stop = actionButton("stop-refresh", say("refresh.stop"), "close", {
    class: "icon-button",
  });
  const line = el("p", { class: "refresh-line muted", hidden: true }, text, bar, stop);
  let timer = 0;

  function show(progress) {
    line.hidden = progress === null;
    if (progress === null) return;
    const { stage, done, total } = progress;
    const words = WORDS[stage] ?? stage;
    text.textContent = total > 0 ? say("refresh.progress", { stage: words, done, total }) : words;
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
      toast(say("refresh.stopped"), {
        details: [say("refresh.goOn")],
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
