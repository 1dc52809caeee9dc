/** Editing a job while it waits. */
import { request } from "../../lora_ui/assets/api.js";
import { openDialog } from "../../lora_ui/assets/dialogs.js";
import { el } from "../../lora_ui/assets/dom.js";
import { poll } from "./poll.js";

const TEXTS = { prompt: "Prompt", negative_prompt: "Negative prompt" };
const NUMBERS = { steps: "Steps", num_frames: "Frames", guidance_scale: "Guidance", seed: "Seed" };

/** Ask for the changes and make them; resolves when the dialog is there. */
export async function editJob(id) {
  const job = await request("GET", `api/jobs/${id}`);
  const inputs = {
    ...inputsFor(TEXTS, job.task, (value) => el("textarea", { class: "field", rows: 3, value })),
    ...inputsFor(NUMBERS, job.task, (value) =>
      el("input", { class: "field", type: "text", inputmode: "decimal", value }),
    ),
  };
  const priority = el("input", { class: "field", type: "number", min: -100, max: 100, step: 1 });
  priority.value = job.priority;
  const problem = el("p", { class: "problem", role: "alert" });
  const form = el(
    "form",
    { class: "dialog-form queue-edit", id: "queue-edit" },
    Object.entries(inputs).map(([name, input]) =>
      el("label", {}, el("span", { text: TEXTS[name] ?? NUMBERS[name] }), input),
    ),
    el("label", {}, el("span", { text: "Priority, a higher one goes first" }), priority),
    problem,
  );
  const save = el("button", {
    type: "submit",
    form: form.id,
    class: "button button-primary",
    text: "Save",
  });
  const dialog = openDialog("Edit a waiting job", form, { buttons: [save] });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    save.disabled = true;
    try {
      const body = { task: changed(inputs, job.task), priority: Number(priority.value) };
      await request("PATCH", `api/jobs/${id}`, { body });
      dialog.close();
      poll.now();
    } catch (error) {
      problem.textContent = [error.message, ...(error.suggestions ?? [])].join(" ");
      save.disabled = false;
    }
  });
}

function inputsFor(names, task, make) {
  return Object.fromEntries(
    Object.keys(names).map((name) => [name, make(String(task[name] ?? ""))]),
  );
}

/** Only what was changed, numbers as numbers where they are some. */
function changed(inputs, task) {
  const changes = {};
  for (const [name, input] of Object.entries(inputs)) {
    if (input.value === String(task[name] ?? "")) continue;
    const number = Number(input.value.replace(",", "."));
    const isNumber = name in NUMBERS && input.value.trim() !== "" && Number.isFinite(number);
    changes[name] = isNumber ? number : input.value;
  }
  return changes;
}
