/** Editing a job while it waits. */
import { request } from "../../../lora_ui/assets/kit/api.js";
import { openDialog } from "../../../lora_ui/assets/kit/dialogs.js";
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { titleFor } from "../../../lora_ui/assets/model/lora_text.js";
import { store } from "../../../lora_ui/assets/model/store.js";
import { strengthText } from "../../../lora_ui/assets/model/strengths.js";
import { poll } from "../base/poll.js";
import { say } from "../texts/say.js";

const TEXTS = { prompt: say("field.prompt"), negative_prompt: say("field.negative") };
const NUMBERS = {
  width: say("field.width"),
  height: say("field.height"),
  num_frames: say("field.frames"),
  fps: say("field.fps"),
  steps: say("field.steps"),
  guidance_scale: say("field.guidance"),
  guidance_scale_2: say("field.guidanceLow"),
  flow_shift: say("field.flowShift"),
  seed: say("field.seed"),
};

/** Ask for the changes and make them; resolves when the dialog is there. */
export async function editJob(id) {
  const job = await request("GET", `api/jobs/${id}`);
  const texts = inputsFor(TEXTS, job.task, (value) =>
    el("textarea", { class: "field", rows: 3, value }),
  );
  const numbers = inputsFor(numbersOf(job.task), job.task, (value) =>
    el("input", { class: "field", type: "text", inputmode: "decimal", value }),
  );
  const inputs = { ...texts, ...numbers };
  const loras = lorasChoice(job);
  const priority = el("input", { class: "field", type: "number", min: -100, max: 100, step: 1 });
  priority.value = job.priority;
  const problem = el("p", { class: "problem", role: "alert" });
  const form = el(
    "form",
    { class: "dialog-form queue-edit", id: "queue-edit" },
    labelled(texts, TEXTS),
    el("div", { class: "queue-edit-numbers" }, labelled(numbers, NUMBERS)),
    loras.element,
    el("label", {}, el("span", { text: say("queue.priority") }), priority),
    problem,
  );
  const save = el("button", {
    type: "submit",
    form: form.id,
    class: "button button-primary",
    text: say("queue.save"),
  });
  const dialog = openDialog(say("queue.editTitle"), form, { buttons: [save] });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    save.disabled = true;
    try {
      const task = { ...changed(inputs, job.task), ...loras.changes() };
      const body = { task, priority: Number(priority.value) };
      await request("PATCH", `api/jobs/${id}`, { body });
      dialog.close();
      poll.now();
    } catch (error) {
      problem.textContent = [error.message, ...(error.suggestions ?? [])].join(" ");
      save.disabled = false;
    }
  });
}

function labelled(inputs, names) {
  return Object.entries(inputs).map(([name, input]) =>
    el("label", {}, el("span", { text: names[name] }), input),
  );
}

/** Without the second guidance where the model has one expert. */
function numbersOf(task) {
  const { guidance_scale_2: second, ...others } = NUMBERS;
  return task.guidance_scale_2 === null ? others : NUMBERS;
}

/** The job's LoRAs stay, or become those that are chosen on the page now. */
function lorasChoice({ task, parts }) {
  const own = parts.some((part) => "selected_loras" in part.changes);
  const box = el("input", { type: "checkbox", disabled: own });
  const element = el(
    "fieldset",
    { class: "queue-edit-loras" },
    el("legend", { text: say("queue.loras") }),
    el("p", { text: own ? say("queue.ownLoras") : named(task.selected_loras) }),
    el(
      "label",
      { class: "queue-edit-check" },
      box,
      say("queue.useChosen", { loras: named(store.selected()) }),
    ),
  );
  return { element, changes: () => (box.checked ? { selected_loras: store.selected() } : {}) };
}

function named(loras) {
  const words = Object.entries(loras).map(
    ([name, value]) => `${titleFor(name)} ${strengthText(value)}`,
  );
  return words.join(", ") || say("queue.noLoras");
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
