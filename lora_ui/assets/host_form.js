/** A host's own fields as the controls see them. Gradio calls these with the fields' values. */
import { form } from "./model/form.js";

/** `names` are those of the fields, in the order of their values. */
export function knowFields(names, ...values) {
  form.know(asObject(names, values));
}

/** The values with the changes that the controls wish for, in the same order. */
export function fillFields(names, ...values) {
  const filled = form.fill(asObject(names, values));
  return names.map((name) => filled[name]);
}

/** The videos that are asked for take the first place among the values. */
export function comparedParts(...values) {
  const parts = form.parts.map(({ label, changes }) => ({ label, loras: changes.selected_loras }));
  return [parts, ...values.slice(1)];
}

function asObject(names, values) {
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? null]));
}
