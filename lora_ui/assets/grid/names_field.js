/** Several LoRAs in an order, as tags that can be taken out again; "none" may be one of them. */
import { actionButton, delegate, el } from "../kit/dom.js";
import { titleFor } from "../model/lora_text.js";
import { openPicker } from "../stack/picker.js";
import { say } from "../texts/say.js";

/** `names` may hold null for none; `changed()` is told of another choice. */
export function createNamesField(label, names, changed) {
  let chosen = names.filter((name) => name !== null);
  const none = el("input", { type: "checkbox" });
  none.checked = names.includes(null);
  const list = el("ul", { class: "grid-names", "aria-label": label });
  const add = el("button", { type: "button", class: "button", text: say("grid.choose") });
  const buttons = el("div", { class: "grid-line" }, add);
  const draw = () => {
    list.replaceChildren(...chosen.map(tag));
    list.hidden = chosen.length === 0;
  };
  const set = (wanted) => {
    chosen = [...new Set(wanted)];
    draw();
    changed();
  };
  add.addEventListener("click", () =>
    openPicker({
      title: say("grid.choose"),
      has: (name) => chosen.includes(name),
      toggle: (name) =>
        set(chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name]),
    }),
  );
  delegate(list, "click", ({ dataset: { name } }) => {
    set(chosen.filter((one) => one !== name));
    add.focus();
  });
  draw();
  return {
    element: el(
      "div",
      { class: "grid-field" },
      list,
      buttons,
      el("label", { class: "grid-check" }, none, say("grid.also")),
    ),
    buttons,
    get values() {
      return none.checked ? [null, ...chosen] : [...chosen];
    },
    get names() {
      return chosen;
    },
    set,
  };
}

function tag(name) {
  return el(
    "li",
    { class: "grid-name" },
    el("span", { text: titleFor(name), title: name }),
    actionButton("remove", say("grid.takeOut", { lora: titleFor(name) }), "close", {
      class: "icon-button",
      dataset: { action: "remove", name },
    }),
  );
}
