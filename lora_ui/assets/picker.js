/** Adding a LoRA without leaving the generation tab: a searchable list in a dialog. */
import { concern, expertBadge, facts, fits, refused, thumbnail, usable } from "./describe.js";
import { openDialog } from "./dialogs.js";
import { delegate, el } from "./dom.js";
import { store } from "./store.js";

const SHOWN = 200;

export function openPicker() {
  const search = el("input", {
    type: "search",
    class: "field",
    placeholder: "Search the library",
    "aria-label": "Search the library",
    autofocus: true,
  });
  const list = el("ul", { class: "picker", "aria-label": "LoRAs" });
  const draw = () => list.replaceChildren(...choices(search.value));
  search.addEventListener("input", draw);
  delegate(list, "click", (target) => {
    store.toggle(target.dataset.name);
    target.setAttribute("aria-pressed", String(store.selection.has(target.dataset.name)));
  });
  const done = el("button", { type: "button", class: "button button-primary", text: "Done" });
  const dialog = openDialog("Add LoRAs", [search, list], {
    className: "dialog-picker",
    buttons: [done],
  });
  done.addEventListener("click", () => dialog.close());
  draw();
}

function choices(text) {
  const words = text.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const found = store.cards.filter(
    (lora) => usable(lora) && words.every((word) => lora.name.toLocaleLowerCase().includes(word)),
  );
  found.sort(
    (a, b) =>
      Number(fits(b, store.model)) - Number(fits(a, store.model)) || a.name.localeCompare(b.name),
  );
  if (found.length === 0)
    return [el("li", { class: "muted picker-none", text: "No LoRA matches." })];
  return found.slice(0, SHOWN).map(choice);
}

function choice(lora) {
  const unfit = refused(lora, store.model);
  return el(
    "li",
    { class: unfit ? "card-unfit" : "" },
    el(
      "button",
      {
        type: "button",
        class: "picker-row",
        dataset: { action: "pick", name: lora.name },
        "aria-pressed": String(store.selection.has(lora.name)),
      },
      thumbnail(lora, "stack-picture"),
      el("span", { class: "picker-name", text: lora.name }),
      expertBadge(lora),
      el("span", {
        class: "picker-facts muted",
        text: unfit ? concern(lora, store.model) : facts(lora),
      }),
    ),
  );
}
