/** The page is shown once its parts are in their places, so that nothing jumps while it loads. */
import { form } from "../../lora_ui/assets/model/form.js";
import { store } from "../../lora_ui/assets/model/store.js";
import { isDecided } from "./run/opening.js";

/** studio.css shows the page a few seconds later all the same: a form to look at, not to write in. Calls `then` once it is shown. */
export function showWhenReady(then) {
  const generation = document.getElementById("generate-columns");
  if (generation) generation.inert = !form.restored;
  if (isReady()) {
    document.documentElement.classList.add("studio-ready");
    then();
  } else requestAnimationFrame(() => showWhenReady(then));
}

function isReady() {
  const fields = document.querySelector("#generate-settings input") !== null;
  const panels = [...document.querySelectorAll(".script-panel")];
  const filled = fields && form.restored && panels.every(isFilled);
  return filled && (!store.connected || (hasStack() && isDecided()));
}

/** Whether the rows of the stack are as they stay: with titles and trigger words. */
function hasStack() {
  return store.summary !== null && (store.loaded || store.selection.size === 0);
}

function isFilled(panel) {
  return panel.querySelector(".lora-ui")?.hasChildNodes() || panel.matches(".hidden-panel");
}
