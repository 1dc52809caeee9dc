/** Trying a LoRA: the same seed without and with it. And previews of many LoRAs, as one job. */
import { openDialog } from "../kit/dialogs.js";
import { el } from "../kit/dom.js";
import { plural } from "../kit/format.js";
import { toast, toastError } from "../kit/toasts.js";
import { form } from "../model/form.js";
import * as library from "../model/library_api.js";
import { refused, titleFor, usable } from "../model/lora_text.js";
import { store } from "../model/store.js";

export const TRY = "Try it";
export const TRY_TIP = "Make the same seed without and with this LoRA";
export const MAKE_PREVIEWS = "Make previews";
export const PREVIEW_MISSING = "Make previews for those without one";
const ALL_HAVE_ONE = "Every LoRA that fits this model has a picture.";
const MOST = 500; // videos of one job

/** Whether the page can make videos to compare. */
export function canTry() {
  return Boolean(store.features.compare);
}

/** Whether the server makes the videos, and so can keep them. */
export function canPreview() {
  return canTry() && !store.hosted;
}

export function isTryable(card) {
  return usable(card) && !refused(card, store.model);
}

export function tryLora(name) {
  if (store.hosted) tryInHost(name);
  else form.ask("try", (fields) => ({ name, task: withStack(fields) }));
}

/** The host's own function makes the two, and shows them. */
function tryInHost(name) {
  const title = titleFor(name);
  const selected = { [name]: store.startStrength(name) };
  form.batch((fields) => ({
    task: fields,
    parts: [
      { label: `Without ${title}`, changes: { selected_loras: {} } },
      { label: `With ${title}`, changes: { selected_loras: selected } },
    ],
  }));
  toast(`Two videos of ${title} are asked for: without it, and with it.`);
}

function withStack(fields) {
  return { ...fields, selected_loras: store.selected() };
}

export async function previewMissing() {
  try {
    const { names } = await library.withoutPicture(store.model);
    if (names.length === 0) toast(ALL_HAVE_ONE);
    else previewLoras(names);
  } catch (error) {
    toastError(error);
  }
}

/** Ask before so many videos are made. */
export function previewLoras(names) {
  const some = names.slice(0, MOST);
  const make = el("button", {
    type: "button",
    class: "button button-primary",
    text: `Make ${plural(some.length, "preview")}`,
  });
  const dialog = openDialog(
    `Previews of ${plural(some.length, "LoRA")}`,
    [
      el("p", {
        text: "One job makes one video for each, with the settings and the seed of the Generate tab.",
      }),
      el("p", {
        class: "muted",
        text: "The prompt is the LoRA’s own example where it has one, else yours with its trigger words. Each video becomes the card’s picture and clip as soon as it is made, also if you close the page. What it replaces goes to the trash.",
      }),
      names.length > MOST &&
        el("p", { class: "muted", text: `These are the first ${MOST} of ${names.length}.` }),
    ],
    { buttons: [make] },
  );
  make.addEventListener("click", () => {
    dialog.close();
    form.ask("previews", (fields) => ({ names: some, task: withStack(fields) }));
  });
  make.focus();
}
