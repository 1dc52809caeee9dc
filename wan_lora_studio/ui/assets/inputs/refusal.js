/** A refusal: each thing that is wrong stands at its field, and the first one has the focus. */
import { connection } from "../../../lora_ui/assets/kit/api.js";
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { store } from "../../../lora_ui/assets/model/store.js";
import { problemParts } from "../base/problem_parts.js";
import { runs } from "../base/run_events.js";
import { unfoldFor } from "../fields/more_settings.js";
import { clearNote, clearProblems, note } from "../fields/notes.js";
import { inputOf, placeOf } from "../fields/places.js";
import { pictureInput } from "./picture.js";

/** What no field is to blame for stands under the button. */
export function mount({ element }) {
  const box = el("div", { class: "refusal", role: "alert", tabindex: "-1", hidden: true });
  element.classList.add("lora-ui");
  element.replaceChildren(box);
  const clear = () => {
    box.hidden = true;
    box.replaceChildren();
    clearProblems();
  };
  runs.addEventListener("submitted", clear);
  runs.addEventListener("refused", ({ detail: { error } }) => {
    clear();
    const marked = Object.entries(fieldsOf(error))
      .map(([name, text]) => markField(name, text))
      .filter(Boolean);
    if (marked.length === 0) {
      box.replaceChildren(...problemParts(error));
      box.hidden = false;
    }
    focusOn(marked[0] ?? box);
    if (error.category === "connection") connection.addEventListener("back", clear, { once: true });
  });
  store.addEventListener("selection", () => clearNote("selected_loras"));
  store.addEventListener("model", clear);
  pictureInput.addEventListener("change", () => clearNote("image"));
}

/** What is wrong, by the field's name. */
function fieldsOf(error) {
  const { fields } = error.context;
  if (fields && Object.keys(fields).length > 0) return fields;
  if (!error.category.startsWith("lora")) return {};
  return { selected_loras: [error.message, ...error.suggestions].join(" ") };
}

/** Put the message at its field; gives what takes the focus, null where the field is not seen. */
function markField(name, text) {
  const place = placeOf(name);
  if (place) unfoldFor(place);
  if (!place?.checkVisibility()) return null;
  const said = note(name, text, "problem");
  return inputOf(name) ?? said;
}

function focusOn(target) {
  target.focus({ preventScroll: true });
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  target.scrollIntoView({ block: "center", behavior: calm ? "instant" : "smooth" });
}
