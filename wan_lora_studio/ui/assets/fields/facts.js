/** Facts of the models that the form is for: `limits`, `usual` values, `sizes`, `seconds`. */
import { form } from "../../../lora_ui/assets/model/form.js";

let models = {};

export function setFacts(found) {
  models = found;
}

/** Those of the chosen model, or of another one; null where nothing is known. */
export function factsOf(model = form.values.model_type) {
  return models[model] ?? null;
}
