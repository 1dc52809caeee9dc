/** Checks at the fields: what is wrong is said while it is typed, and put right on leaving. */
import { form } from "../../../lora_ui/assets/model/form.js";
import { say } from "../texts/say.js";
import { factsOf } from "./facts.js";
import { clearNote, clearOutdated, note } from "./notes.js";
import { fieldAt, inputOf } from "./places.js";
import { adviceOn, changeOf, nearest } from "./rules.js";

/** Listen to every field below `root`. */
export function connectChecks(root) {
  root.addEventListener("input", ({ target }) => {
    const name = fieldAt(target);
    if (name) check(name, target);
  });
  root.addEventListener("focusout", ({ target }) => {
    const name = fieldAt(target);
    if (name && target === inputOf(name)) snap(name, target);
  });
  form.addEventListener("form", clearOutdated);
}

function limitOf(name) {
  return factsOf()?.limits[name] ?? null;
}

/** An input with something in it that is no number has no value, and says so. */
function written(input) {
  return input.validity.badInput ? "?" : input.value;
}

function check(name, input) {
  const limit = limitOf(name);
  const text = written(input);
  const advice = limit && text !== "" ? adviceOn(text, limit) : null;
  if (advice) note(name, advice, "wrong");
  else clearNote(name);
}

/** A seed is never changed: another one would be another video. */
function snap(name, input) {
  const limit = limitOf(name);
  if (!limit || name === "seed") return;
  const text = written(input);
  if (text !== "" && adviceOn(text, limit) === null) return;
  const found = nearest(text, limit);
  const usual = factsOf().usual[name];
  const value = found ?? usual;
  if (value === null || value === undefined) return;
  put(input, value);
  note(
    name,
    found === null ? say("rule.usual", { value: String(value) }) : changeOf(text, value, limit),
    "hint",
  );
}

/** As a person would write it, so that Gradio hears of it. */
function put(input, value) {
  input.value = String(value);
  for (const event of ["input", "change"]) {
    input.dispatchEvent(new Event(event, { bubbles: true }));
  }
}
