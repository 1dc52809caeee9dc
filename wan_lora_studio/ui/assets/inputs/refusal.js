/** A refusal: each thing that is wrong stands at its field, and the first one has the focus. */
import { connection } from "../../../lora_ui/assets/kit/api.js";
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { store } from "../../../lora_ui/assets/model/store.js";
import { problemParts } from "../base/problem_parts.js";
import { runs } from "../base/run_events.js";
import { pictureInput } from "./picture.js";

/** Where the fields of a task are on the page. */
const PLACES = {
  model_type: "#model",
  prompt: "#prompt",
  negative_prompt: "#negative-prompt",
  image: "#picture-panel",
  selected_loras: "#lora-controls",
  width: "#field-width",
  height: "#field-height",
  num_frames: "#field-frames",
  fps: "#field-fps",
  steps: "#field-steps",
  guidance_scale: "#field-guidance",
  guidance_scale_2: "#field-guidance-2",
  flow_shift: "#field-flow-shift",
  seed: "#field-seed",
};
const INPUTS = "textarea, input:not([type=file], [type=range])";

/** What no field is to blame for stands under the button. */
export function mount({ element }) {
  const box = el("div", { class: "refusal", role: "alert", tabindex: "-1", hidden: true });
  const shown = new Map(); // takes the message of a field away, by the field
  element.classList.add("lora-ui");
  element.replaceChildren(box);
  const clear = () => {
    box.hidden = true;
    box.replaceChildren();
    for (const take of shown.values()) take();
    shown.clear();
  };
  const settle = (name) => {
    shown.get(name)?.();
    shown.delete(name);
  };
  runs.addEventListener("submitted", clear);
  runs.addEventListener("refused", ({ detail: { error } }) => {
    clear();
    const marked = Object.entries(fieldsOf(error))
      .map(([name, text]) => markField(name, text, shown, settle))
      .filter(Boolean);
    if (marked.length === 0) {
      box.replaceChildren(...problemParts(error));
      box.hidden = false;
    }
    focusOn(marked[0] ?? box);
    if (error.category === "connection") connection.addEventListener("back", clear, { once: true });
  });
  store.addEventListener("selection", () => settle("selected_loras"));
  store.addEventListener("model", clear);
  pictureInput.addEventListener("change", () => settle("image"));
}

/** What is wrong, by the field's name. */
function fieldsOf(error) {
  const { fields } = error.context;
  if (fields && Object.keys(fields).length > 0) return fields;
  if (!error.category.startsWith("lora")) return {};
  return { selected_loras: [error.message, ...error.suggestions].join(" ") };
}

/** Put the message at its field; gives what takes the focus, null where the field is not seen. */
function markField(name, text, shown, settle) {
  const place = document.querySelector(PLACES[name] ?? "#none");
  if (!place?.checkVisibility()) return null;
  const input = place.querySelector(INPUTS);
  const id = `refused-${name}`;
  const said = el("p", { class: "field-problem", id, role: "alert", tabindex: "-1", text });
  place.append(said);
  const ownField = input && !["selected_loras", "image"].includes(name);
  const done = () => settle(name);
  if (ownField) {
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", id);
    place.addEventListener("input", done, { once: true });
  }
  shown.set(name, () => {
    said.remove();
    if (!ownField) return;
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
    place.removeEventListener("input", done);
  });
  return ownField ? input : said;
}

function focusOn(target) {
  target.focus({ preventScroll: true });
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  target.scrollIntoView({ block: "center", behavior: calm ? "instant" : "smooth" });
}
