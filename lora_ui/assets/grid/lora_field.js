/** The LoRA that an axis is about: one of the stack, or another one of the library. */
import { el } from "../kit/dom.js";
import { titleFor } from "../model/lora_text.js";
import { store } from "../model/store.js";
import { openPicker } from "../stack/picker.js";
import { say } from "../texts/say.js";

/** `changed()` is told of another choice. */
export function createLoraField(id, wanted, changed) {
  const select = el("select", { class: "field", id });
  const names = [...new Set([...Object.keys(store.selected()), wanted].filter(Boolean))];
  const offer = (name) => select.append(el("option", { value: name, text: titleFor(name) }));
  names.forEach(offer);
  if (wanted) select.value = wanted;
  const other = el("button", { type: "button", class: "button", text: say("grid.another") });
  other.addEventListener("click", () => {
    const dialog = openPicker({
      title: say("grid.chooseOne"),
      has: (name) => name === select.value,
      toggle: (name) => {
        if (![...select.options].some(({ value }) => value === name)) offer(name);
        select.value = name;
        dialog.close();
        changed();
      },
    });
  });
  const element = el(
    "div",
    { class: "grid-field" },
    el("label", { for: id, text: say("grid.lora") }),
    el("div", { class: "grid-line" }, select, other),
  );
  return {
    element,
    get value() {
      return select.value || null;
    },
  };
}
