/** Beside Generate: how many videos, a list of prompts, and whether there is memory for it. */
import { openDialog } from "../../../lora_ui/assets/kit/dialogs.js";
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { plural } from "../../../lora_ui/assets/kit/format.js";
import { form } from "../../../lora_ui/assets/model/form.js";
import { store } from "../../../lora_ui/assets/model/store.js";
import { batchOf, MOST, promptsIn, videoCount } from "./batch_parts.js";
import { createEstimateLine } from "./estimate_line.js";
import { createModelNotice } from "./model_notice.js";

const MOST_IN_ALL = 500;
const KEPT = "studio-prompts";

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
  const list = el("button", {
    type: "button",
    class: "button button-quiet",
    id: "prompt-list",
    text: "Prompts from a list",
  });
  const draw = () => {
    count.value = videoCount.value;
    note.textContent = videoCount.value > 1 ? "one job, seeds one after the other" : "";
  };
  count.addEventListener("change", () => {
    videoCount.value = count.value;
  });
  videoCount.addEventListener("change", draw);
  list.addEventListener("click", openPromptList);
  element.classList.add("lora-ui", "batch-panel");
  element.replaceChildren(
    el("label", { for: count.id }, "Videos"),
    count,
    note,
    list,
    createModelNotice(),
    createEstimateLine(),
  );
  draw();
}

/** Ask for prompts; all other settings are those of the form. */
function openPromptList() {
  const text = el("textarea", {
    class: "field",
    id: "prompt-list-text",
    rows: 9,
    "data-kept": true,
  });
  text.value = localStorage.getItem(KEPT) ?? "";
  const note = el("p", { class: "muted", role: "status" });
  const make = el("button", { type: "submit", form: "prompts", class: "button button-primary" });
  const body = el(
    "form",
    { class: "dialog-form", id: "prompts" },
    el("label", { for: text.id, text: "One prompt on each line" }),
    text,
    note,
  );
  const dialog = openDialog("Prompts from a list", body, { buttons: [make] });
  const draw = () => {
    const total = promptsIn(text.value).length * videoCount.value;
    make.disabled = total === 0 || total > MOST_IN_ALL;
    make.textContent = total > 0 ? `Make ${plural(total, "video")}` : "Make videos";
    note.textContent = noteFor(total);
  };
  text.addEventListener("input", () => {
    localStorage.setItem(KEPT, text.value);
    draw();
  });
  body.addEventListener("submit", (event) => {
    event.preventDefault();
    const prompts = promptsIn(text.value);
    if (make.disabled || prompts.length === 0) return;
    dialog.close();
    form.batch((fields) => {
      const task = { ...fields, selected_loras: store.selected() };
      return batchOf(task, videoCount.value, prompts);
    });
  });
  draw();
  text.focus();
}

function noteFor(total) {
  if (total > MOST_IN_ALL) return `At most ${MOST_IN_ALL} videos at a time.`;
  const each = videoCount.value > 1 ? `, ${videoCount.value} seeds for each prompt` : "";
  return `One job${each}. Everything else stays as it is in the form, the seed too.`;
}
