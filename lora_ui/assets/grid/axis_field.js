/** One axis of a grid that is asked for: what changes along it, and its values. */
import { el } from "../kit/dom.js";
import { say } from "../texts/say.js";
import { INPUTS, kindsHere } from "./axis_inputs.js";

const NOTHING = "";

/** `place` is x or y; only y may be left out. `changed()` is told of everything that is changed. */
export function createAxisField(place, title, wanted, changed) {
  const id = `grid-${place}`;
  const inputs = new Map(); // kind → {element, read}, kept while another one is looked at
  const kind = el(
    "select",
    { class: "field", id: `${id}-kind`, "aria-label": say("grid.axisKind", { axis: title }) },
    place === "y" && el("option", { value: NOTHING, text: say("grid.nothing") }),
    kindsHere().map((of) => el("option", { value: of, text: INPUTS[of].name })),
  );
  kind.value = wanted?.of ?? NOTHING;
  const box = el("div", { class: "grid-inputs" });
  const problem = el("p", { class: "problem", id: `${id}-problem`, role: "alert" });
  const show = () => {
    const of = kind.value;
    if (of && !inputs.has(of)) {
      const given = wanted?.of === of ? wanted : {};
      inputs.set(of, INPUTS[of].create(id, given, changed));
    }
    box.replaceChildren(...(of ? [inputs.get(of).element] : []));
  };
  kind.addEventListener("input", show); // before the dialog hears of it and reads
  show();
  return {
    element: el(
      "fieldset",
      { class: "grid-axis", "aria-describedby": problem.id },
      el("legend", { text: title }),
      kind,
      box,
      problem,
    ),
    /** null for no axis; else the axis, or what is wrong with it as `problem`. */
    read: () => (kind.value ? inputs.get(kind.value).read() : null),
    tell: (text) => {
      if (problem.textContent !== text) problem.textContent = text;
    },
  };
}
