/** The ends of a LoRA's strength slider, as a person wants them. */
import { openDialog } from "../kit/dialogs.js";
import { el } from "../kit/dom.js";
import { toastError } from "../kit/toasts.js";
import { edit } from "../model/library_api.js";
import { titleFor } from "../model/lora_text.js";
import { store } from "../model/store.js";
import { parsed } from "../model/strengths.js";
import { say } from "../texts/say.js";
import { rangeOf } from "./strength_control.js";

export function askRange(name) {
  const [low, high] = rangeOf(store.byName.get(name)).map((end) => box(end));
  const problem = el("p", { class: "problem", role: "alert" });
  const body = el(
    "form",
    { class: "dialog-form", id: "range-form" },
    el("p", { class: "muted", text: say("range.hint", { title: titleFor(name) }) }),
    el("label", {}, say("range.lowest"), low),
    el("label", {}, say("range.highest"), high),
    problem,
  );
  const usual = el("button", { type: "button", class: "button", text: say("range.usual") });
  const save = el("button", {
    type: "submit",
    form: body.id,
    class: "button button-primary",
    text: say("dialog.save"),
  });
  const dialog = openDialog(say("range.title"), body, { buttons: [usual, save] });
  usual.addEventListener("click", () => keep(name, null, dialog));
  body.addEventListener("submit", (event) => {
    event.preventDefault();
    const ends = [parsed(low.value), parsed(high.value)];
    if (ends.includes(null) || ends[0] >= ends[1]) {
      problem.textContent = say("range.problem");
    } else {
      keep(name, ends, dialog);
    }
  });
}

function box(value) {
  return el("input", {
    type: "text",
    inputmode: "decimal",
    class: "field",
    autocomplete: "off",
    value: String(value),
  });
}

async function keep(name, range, dialog) {
  try {
    await edit(name, { strength_range: range });
    await store.refresh();
    dialog.close();
  } catch (error) {
    toastError(error);
  }
}
