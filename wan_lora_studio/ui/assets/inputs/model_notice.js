/** Models that are not here: marked in the list of models, and said before Generate. */
import { ApiError } from "../../../lora_ui/assets/kit/api.js";
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { bytes } from "../../../lora_ui/assets/kit/format.js";
import { form } from "../../../lora_ui/assets/model/form.js";
import { isActive, models } from "../base/models.js";
import { openTab } from "../base/tabs.js";

const MARKS = { absent: "not here", partly: "not here as a whole" };

/** A box that is there only while the chosen model is not here. */
export function createModelNotice() {
  const text = el("p");
  const open = el("button", { type: "button", class: "button", text: "Open models" });
  open.addEventListener("click", () => openTab("Models"));
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
  const next = row.repos.length
    ? "Download it on the Models tab, or choose another model."
    : "Put its folder where the Models tab says, or choose another model.";
  const message = words(row);
  const context = { fields: { model_type: `${message} ${next}` } };
  return new ApiError({ category: "model", message, suggestions: [next], context });
}

function isMissing(row) {
  return row !== null && row.state !== "here";
}

function words(row) {
  if (isActive(row)) return `${row.title} is being downloaded.`;
  const whole = row.state === "partly" ? " as a whole" : "";
  const size = row.to_fetch ? ` ${bytes(row.to_fetch)} are to be downloaded.` : "";
  return `${row.title} is not here${whole}.${size}`;
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
