/** Models that are not here: marked in the list of models, and said before Generate. */
import { ApiError } from "../../../lora_ui/assets/kit/api.js";
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { bytes } from "../../../lora_ui/assets/kit/format.js";
import { form } from "../../../lora_ui/assets/model/form.js";
import { isActive, models } from "../base/models.js";
import { openTab } from "../base/tabs.js";
import { say } from "../texts/say.js";

const MARKS = { absent: say("model.notHere"), partly: say("model.notWhole") };

/** A box that is there only while the chosen model is not here. */
export function createModelNotice() {
  const text = el("p");
  const open = el("button", { type: "button", class: "button", text: say("model.open") });
  open.addEventListener("click", () => openTab("models"));
  const box = el(
    "div",
    { class: "estimate model-notice", role: "status", hidden: true },
    text,
    open,
  );
  const draw = () => {
    const row = models.get(form.values.model_type);
    box.hidden = !isMissing(row);
    if (!box.hidden) text.textContent = words(row);
  };
  models.addEventListener("models", draw);
  form.addEventListener("form", draw);
  models.start();
  markList();
  draw();
  return box;
}

/** The refusal of a run with a model that is not here; null for one that is, or is not known. */
export function missingModel(name) {
  const row = models.get(name);
  if (!isMissing(row)) return null;
  const next = row.repos.length ? say("model.download") : say("model.putFolder");
  const message = words(row);
  const context = { fields: { model_type: `${message} ${next}` } };
  return new ApiError({ category: "model", message, suggestions: [next], context });
}

function isMissing(row) {
  return row !== null && row.state !== "here";
}

function words(row) {
  const { title } = row;
  if (isActive(row)) return say("model.downloading", { title });
  const size = row.to_fetch ? ` ${say("model.toFetch", { size: bytes(row.to_fetch) })}` : "";
  const isPartly = row.state === "partly";
  return (
    (isPartly ? say("model.titleNotWhole", { title }) : say("model.titleNotHere", { title })) + size
  );
}

/** The list is Gradio's: it may come later than this, and is built anew each time it opens. */
function markList() {
  let watched = null;
  const mark = () => {
    for (const option of watched?.querySelectorAll('[role="option"]') ?? []) {
      const title = option.getAttribute("aria-label");
      const row = models.rows.find((each) => each.title === title);
      const said = (row && MARKS[row.state]) ?? "";
      if (said && option.dataset.mark !== said) option.dataset.mark = said;
    }
  };
  const observer = new MutationObserver(mark);
  document.addEventListener("focusin", ({ target }) => {
    const list = target.closest?.("#model");
    if (!list || list === watched) return;
    watched = list;
    observer.disconnect();
    observer.observe(list, { childList: true, subtree: true });
    mark();
  });
  models.addEventListener("models", mark);
}
