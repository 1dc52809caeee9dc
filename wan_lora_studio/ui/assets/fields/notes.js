/** Notes: at most one message at each field, either what is wrong or what was changed. */
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { inputOf, placeOf } from "./places.js";

const shown = new Map(); // field → {said, kind, value}

/**
 * Say it at the field. Of a `kind`: "problem" interrupts and stays until it is put right, "wrong"
 * is the same while it is being typed, "hint" says what was done. Gives the message's element.
 */
export function note(name, text, kind) {
  const known = shown.get(name);
  const input = inputOf(name);
  if (known?.said.textContent === text && known.kind === kind) {
    known.value = input?.value;
    return known.said;
  }
  clearNote(name);
  const said = el("p", {
    class: kind === "problem" ? "field-problem" : "field-hint",
    id: `note-${name}`,
    role: kind === "problem" ? "alert" : "status",
    tabindex: "-1",
    text,
  });
  placeOf(name).append(said);
  if (input) {
    describe(input, said.id);
    if (kind !== "hint") input.setAttribute("aria-invalid", "true");
  }
  shown.set(name, { said, kind, value: input?.value });
  return said;
}

export function clearNote(name) {
  const known = shown.get(name);
  if (!known) return;
  shown.delete(name);
  known.said.remove();
  const input = inputOf(name);
  input?.removeAttribute("aria-invalid");
  if (input) undescribe(input, known.said.id);
}

/** Those whose field holds something else than when they were said. */
export function clearOutdated() {
  for (const [name, { value }] of [...shown]) {
    if (value !== undefined && inputOf(name)?.value !== value) clearNote(name);
  }
}

/** All that the last try to generate was refused for. */
export function clearProblems() {
  for (const [name, { kind }] of [...shown]) if (kind === "problem") clearNote(name);
}

/** Add an element to those that describe an input. */
export function describe(input, id) {
  const ids = idsOf(input);
  if (!ids.includes(id)) input.setAttribute("aria-describedby", [id, ...ids].join(" "));
}

function undescribe(input, id) {
  const ids = idsOf(input).filter((each) => each !== id);
  if (ids.length > 0) input.setAttribute("aria-describedby", ids.join(" "));
  else input.removeAttribute("aria-describedby");
}

function idsOf(input) {
  return (input.getAttribute("aria-describedby") ?? "").split(" ").filter(Boolean);
}
