/** Places: where the fields of a task are on the page. */

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

/** The element that holds a field, which may be folded away; null for what is no field. */
export function placeOf(name) {
  return document.querySelector(PLACES[name] ?? "#none");
}

/** What a person writes into; null where a field is no single one. */
export function inputOf(name) {
  if (name === "selected_loras" || name === "image") return null;
  return placeOf(name)?.querySelector(INPUTS) ?? null;
}

/** The name of the field that an element is in; null outside of all. */
export function fieldAt(element) {
  const found = Object.entries(PLACES).find(([, place]) => element.closest(place));
  return found?.[0] ?? null;
}
