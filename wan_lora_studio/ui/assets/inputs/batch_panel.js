/** Beside Generate: how many videos, a grid of them, and whether there is memory for it. */
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { grids } from "../../../lora_ui/assets/model/grid.js";
import { say } from "../texts/say.js";
import { createEstimateLine } from "./estimate_line.js";
import { createModelNotice } from "./model_notice.js";
import { MOST, videoCount } from "./video_count.js";

export function mount({ element }) {
  const count = el("input", {
    type: "number",
    class: "field",
    id: "video-count",
    min: 1,
    max: MOST,
    step: 1,
    inputmode: "numeric",
    "aria-describedby": "video-count-note",
  });
  const note = el("span", { class: "muted", id: "video-count-note" });
  const draw = () => {
    count.value = videoCount.value;
    note.textContent = videoCount.value > 1 ? say("grid.seeds") : "";
  };
  count.addEventListener("change", () => {
    videoCount.value = count.value;
  });
  videoCount.addEventListener("change", draw);
  element.classList.add("lora-ui", "batch-panel");
  element.replaceChildren(
    el("label", { for: count.id }, say("grid.videosLabel")),
    count,
    note,
    el(
      "div",
      { class: "batch-buttons" },
      button("prompt-list", "button button-quiet", say("grid.list"), () =>
        grids.open(promptAxes()),
      ),
      button("grid-button", "button", say("grid.open"), () => grids.open()),
    ),
    createModelNotice(),
    createEstimateLine(),
  );
  draw();
}

/** With as many seeds for each prompt as there are videos asked for. */
function promptAxes() {
  const prompts = { of: "prompt" };
  if (videoCount.value === 1) return { x: prompts };
  return { x: { of: "seed", count: videoCount.value }, y: prompts };
}

function button(id, className, text, act) {
  const made = el("button", { type: "button", class: className, id, text });
  made.addEventListener("click", act);
  return made;
}
