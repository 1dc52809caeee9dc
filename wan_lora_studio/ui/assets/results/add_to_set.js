/** The LoRAs of selected videos go into a set, a new one or one that there is. */
import { request } from "../../../lora_ui/assets/kit/api.js";
import { openDialog } from "../../../lora_ui/assets/kit/dialogs.js";
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { toast, toastError } from "../../../lora_ui/assets/kit/toasts.js";
import { say } from "../texts/say.js";

/** Each LoRA once, with the strength that the first of the videos gave it. */
export function lorasOf(results) {
  const found = new Map();
  for (const { selected_loras: selected } of results) {
    for (const [name, strength] of Object.entries(selected)) {
      if (!found.has(name)) found.set(name, { name, strength });
    }
  }
  return [...found.values()];
}

export async function addToSet(results) {
  const loras = lorasOf(results);
  let sets = [];
  try {
    ({ sets } = await request("GET", "api/sets"));
  } catch (error) {
    toastError(error);
    return;
  }
  const input = el("input", {
    type: "text",
    class: "field",
    id: "set-name",
    list: "set-names",
    autocomplete: "off",
    required: true,
  });
  const problem = el("p", { class: "problem", role: "alert" });
  const form = el(
    "form",
    { class: "dialog-form", id: "add-to-set" },
    el("p", { class: "muted", text: loras.map(({ name }) => name).join(", ") }),
    el("label", { for: input.id, text: say("set.name") }),
    input,
    el(
      "datalist",
      { id: "set-names" },
      sets.map(({ name }) => el("option", { value: name })),
    ),
    problem,
  );
  const save = el("button", {
    type: "submit",
    form: form.id,
    class: "button button-primary",
    text: say("set.add"),
  });
  const dialog = openDialog(say("set.title", { count: loras.length }), form, {
    buttons: [save],
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    save.disabled = true;
    try {
      const told = await put(input.value.trim(), loras, sets);
      dialog.close();
      toast(told);
    } catch (error) {
      problem.textContent = [error.message, ...(error.suggestions ?? [])].join(" ");
      save.disabled = false;
    }
  });
  input.focus();
}

/** What a set holds already stays as it is. */
async function put(name, loras, sets) {
  const known = sets.find((set) => set.name === name)?.loras ?? [];
  const names = new Set(known.map((lora) => lora.name));
  const added = loras.filter((lora) => !names.has(lora.name));
  if (known.length > 0 && added.length === 0) return say("set.hasThem", { name });
  const body = { name, loras: [...known, ...added], replace: known.length > 0 };
  await request("POST", "api/sets", { body });
  return say("set.added", { count: added.length, name });
}
