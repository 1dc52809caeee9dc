/** From the form to a run. Gradio calls these with the values of its fields. */
import { request } from "../../../lora_ui/assets/kit/api.js";
import { toast } from "../../../lora_ui/assets/kit/toasts.js";
import { form } from "../../../lora_ui/assets/model/form.js";
import { usable } from "../../../lora_ui/assets/model/lora_text.js";
import { store } from "../../../lora_ui/assets/model/store.js";
import { poll } from "../base/poll.js";
import { announce, runs } from "../base/run_events.js";
import { keep, kept } from "../base/tab_storage.js";
import { say } from "../texts/say.js";
import { missingModel } from "./model_notice.js";
import { pictureInput } from "./picture.js";
import { wantedVideos } from "./video_count.js";

/** In the order of `FIELDS` in form.py. */
const FIELDS = [
  "model_type",
  "prompt",
  "negative_prompt",
  "width",
  "height",
  "num_frames",
  "fps",
  "steps",
  "guidance_scale",
  "guidance_scale_2",
  "flow_shift",
  "seed",
];
const KEPT = "studio-form";
let submitting = false;
let filledFor = null; // the model whose values the fields hold

/** Queue a video, or as many as asked for. The LoRA strengths are read here and now. */
export function generate(...values) {
  const task = { ...withPicture(fields(values)), selected_loras: store.selected() };
  return submit(wantedVideos(task));
}

/** Queue the grid that is asked for: several videos as one job. */
form.addEventListener("batch", ({ detail: { task, grid } }) =>
  submit({ task: withPicture(task), grid }),
);

/** Queue one video of what a part of the page has put into the form. */
form.addEventListener("make", ({ detail }) => submit({ task: withPicture(detail), parts: [] }));

function withPicture(task) {
  pictureInput.setRatio(task.width / task.height);
  return { ...task, image: pictureInput.value() };
}

async function submit(body) {
  if (submitting) return;
  const missing = missingModel(body.task.model_type);
  if (missing) {
    announce("refused", { error: missing });
    return;
  }
  submitting = true;
  showBusy(true);
  try {
    const job = await request("POST", "api/jobs", { body });
    announce("submitted", { job });
  } catch (error) {
    announce("refused", { error });
  } finally {
    submitting = false;
    showBusy(false);
    poll.now();
  }
}

/** Until there is an answer, the button does nothing more. */
function showBusy(busy) {
  document.getElementById("generate-button")?.setAttribute("aria-busy", String(busy));
}

export function chooseModel(model) {
  store.setModel(model);
}

export function keepForm(...values) {
  const now = fields(values);
  // While the page loads, the empty fields report themselves too.
  if (form.restored) keep(KEPT, JSON.stringify(now));
  pictureInput.setRatio(now.width / now.height);
  form.know(now);
}

/** The fields with the changes that the LoRA controls wish for, in the same order. */
export function fillForm(...values) {
  const filled = form.fill(fields(values));
  filledFor = filled.model_type;
  return FIELDS.map((name) => filled[name]);
}

/** What `keepForm` kept, as the JSON text that the server turns into field values. */
export function keptForm() {
  return kept(KEPT) ?? "";
}

/**
 * The page opens. Where nobody wrote in the form before, it holds the ready example, if there is
 * one, and its LoRAs join it: those that the library has, unless the stack holds others.
 */
export async function formOpened(example, model) {
  if (example !== null && kept(KEPT) === null) {
    const { selected_loras: loras, ...written } = example;
    await selectReady(loras);
    keep(KEPT, JSON.stringify(written)); // from now on the form is somebody's own
  }
  formRestored(model);
}

async function selectReady(loras) {
  await store.known();
  const here = Object.entries(loras).filter(([name]) => usable(store.byName.get(name)));
  if (here.length > 0 && store.selection.size === 0) store.replace(Object.fromEntries(here));
}

/** The fields now hold what was kept. Before, a click on Generate would send an empty form. */
export function formRestored(model) {
  filledFor = model;
  form.begin();
}

/** The form stays closed, so that nothing goes over what was kept. */
export function formNotRestored() {
  toast(say("form.unfilled"), {
    kind: "error",
    details: [say("form.unfilledHint")],
    action: { label: say("form.reload"), run: () => location.reload() },
  });
}

/**
 * The model if it is another one, else null: Gradio's list says so too when it is only left. The
 * settings that an accelerator took the place of were those of the model before.
 */
export function otherModel(model) {
  if (model === filledFor) return null;
  filledFor = model;
  if (store.stack.accelerated) store.stack.setAccelerated(null);
  return model;
}

/** The model that a LoRA is for, chosen in its row. */
export function wishedModel() {
  return otherModel(form.wishedModel);
}

/** The fields that "Reuse" was pressed for. */
export function reusedForm() {
  return JSON.stringify(runs.reused);
}

// Without a connection Gradio tells of no change any more, and reloads the page once it is back.
addEventListener("pagehide", () => {
  const prompt = document.querySelector("#prompt textarea")?.value;
  if (!form.restored || prompt === undefined || prompt === form.values.prompt) return;
  keep(KEPT, JSON.stringify({ ...form.values, prompt }));
});

function fields(values) {
  return Object.fromEntries(FIELDS.map((name, index) => [name, values[index] ?? null]));
}
