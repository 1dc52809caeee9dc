/** Several videos of one seed, as one job: with and without the LoRAs, or over a strength. */
import { openDialog } from "../kit/dialogs.js";
import { el } from "../kit/dom.js";
import { plural } from "../kit/format.js";
import { form } from "../model/form.js";
import { titleFor } from "../model/lora_text.js";
import { store } from "../model/store.js";
import { scaled, strengthText } from "../model/strengths.js";

const USUAL = "0, 0.25, 0.5, 0.75, 1";
const MOST = 24;
const SIGNS = { "¼": 0.25, "½": 0.5, "¾": 0.75, "⅓": 1 / 3, "⅔": 2 / 3 };

/** The same seed without LoRAs and with them. An accelerator stays: its settings are in use. */
export function compareWithout() {
  const all = store.selected();
  const fast = store.summary?.accelerators ?? {};
  const kept = Object.fromEntries(Object.entries(all).filter(([name]) => name in fast));
  const only = Object.keys(kept).length === Object.keys(all).length;
  const without = only ? {} : kept;
  const label = Object.keys(without).length > 0 ? "Accelerator alone" : "Without LoRAs";
  submit([
    { label, changes: { selected_loras: without } },
    { label: "With LoRAs", changes: { selected_loras: all } },
  ]);
}

/** Ask for a LoRA and the strengths to try. */
export function openSweep(name = null) {
  const names = Object.keys(store.selected());
  if (name !== null && !names.includes(name)) names.push(name);
  const which = el("select", { class: "field", id: "sweep-lora" });
  which.append(...names.map((item) => el("option", { value: item, text: titleFor(item) })));
  which.value = name ?? names[0];
  const list = el("input", {
    type: "text",
    class: "field",
    id: "sweep-strengths",
    autocomplete: "off",
    value: USUAL,
  });
  const note = el("p", { class: "muted", role: "status" });
  const make = el("button", { type: "submit", form: "sweep", class: "button button-primary" });
  const body = el(
    "form",
    { class: "dialog-form", id: "sweep" },
    el("label", { for: "sweep-lora", text: "LoRA" }),
    which,
    el("label", { for: "sweep-strengths", text: "Strengths to try, separated by commas" }),
    list,
    note,
  );
  const dialog = openDialog("Strength sweep", body, { buttons: [make] });
  const draw = () => {
    const values = readStrengths(list.value);
    const count = values?.length ?? 0;
    make.disabled = count === 0;
    make.textContent = count > 0 ? `Make ${plural(count, "video")}` : "Make videos";
    list.setAttribute("aria-invalid", String(values === null));
    note.textContent = noteFor(which.value, values);
  };
  body.addEventListener("input", draw);
  body.addEventListener("submit", (event) => {
    event.preventDefault();
    const values = readStrengths(list.value);
    if (!values?.length) return;
    dialog.close();
    submit(sweepParts(which.value, values));
  });
  draw();
}

function noteFor(name, values) {
  if (values === null) return "Write numbers, such as 0, 0.5, 1 or ¼, ½.";
  if (values.length > MOST) return `At most ${MOST} at a time.`;
  const value = store.selection.get(name);
  const how =
    typeof value === "number"
      ? "Everything else stays: prompt, seed, the other LoRAs."
      : `Each number is a factor of its strength now: ${strengthText(value)}.`;
  return `One job with one clip for each strength. ${how}`;
}

/** The numbers of a list; null if something in it is none. */
function readStrengths(text) {
  const parts = text
    .split(/[,;\s]+/)
    .map((part) => part.trim())
    .filter(Boolean);
  const numbers = parts.map((part) => {
    const [above, below] = part.split("/");
    return SIGNS[part] ?? (below === undefined ? Number(above) : Number(above) / Number(below));
  });
  if (numbers.some((number) => !Number.isFinite(number) || Math.abs(number) > 100)) return null;
  const found = [...new Set(numbers.map((number) => Math.round(number * 1000) / 1000))];
  return found.length > MOST ? null : found;
}

function sweepParts(name, values) {
  const others = store.selected();
  const value = store.selection.get(name);
  const simple = typeof value === "number";
  return values.map((number) => ({
    label: simple ? `${name} ${number}` : `${name} × ${number}`,
    changes: { selected_loras: { ...others, [name]: simple ? number : scaled(value, number) } },
  }));
}

function submit(parts) {
  form.batch((fields) => ({ task: { ...fields, selected_loras: store.selected() }, parts }));
}
