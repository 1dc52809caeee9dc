/** The LoRA controls of a generation tab. */
import { el, icon } from "./dom.js";
import { openPicker } from "./picker.js";
import { createStack } from "./stack.js";
import { store } from "./store.js";
import { createSummaryLine } from "./summary_line.js";

export function mount({ element, options }) {
  const add = el("button", { type: "button", class: "button" }, icon("plus"), "Add LoRA");
  add.addEventListener("click", openPicker);
  const clear = el("button", { type: "button", class: "button button-quiet", text: "Clear" });
  clear.addEventListener("click", () => store.clear());
  const showClear = () => {
    clear.hidden = store.selection.size === 0;
  };
  store.addEventListener("selection", showClear);
  showClear();
  element.classList.add("lora-ui", "lora-controls");
  element.replaceChildren(
    el(
      "div",
      { class: "controls-head" },
      el("h2", { class: "section-title", text: "LoRAs" }),
      clear,
      recentDropdown(),
      add,
    ),
    createStack("None selected. Add one here, or pick cards on the LoRAs tab."),
    createSummaryLine(),
  );
  store.start(options);
}

/** A dropdown of the LoRAs that were used last; choosing one adds it. */
function recentDropdown() {
  const select = el("select", { class: "field recent", "aria-label": "Add a recently used LoRA" });
  const draw = () => {
    const names = store.recent.filter(
      (name) => store.byName.has(name) && !store.selection.has(name),
    );
    select.replaceChildren(
      el("option", { value: "", text: "Recent" }),
      ...names.map((name) => el("option", { value: name, text: name })),
    );
    select.disabled = names.length === 0;
  };
  select.addEventListener("change", () => {
    if (select.value) store.select(select.value);
  });
  for (const event of ["library", "selection"]) store.addEventListener(event, draw);
  draw();
  return select;
}
