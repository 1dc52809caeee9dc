/** Trying a LoRA: the same seed without and with it. And previews of many LoRAs, as one job. */
import { openDialog } from "../kit/dialogs.js";
import { el } from "../kit/dom.js";
import { toast, toastError } from "../kit/toasts.js";
import { form } from "../model/form.js";
import * as library from "../model/library_api.js";
import { refused, titleFor, usable } from "../model/lora_text.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";

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
      { label: say("try.without", { title }), changes: { selected_loras: {} } },
      { label: say("try.with", { title }), changes: { selected_loras: selected } },
    ],
  }));
  toast(say("try.asked", { title }));
}

function withStack(fields) {
  return { ...fields, selected_loras: store.selected() };
}

export async function previewMissing() {
  try {
    const { names } = await library.withoutPicture(store.model);
    if (names.length === 0) toast(say("previews.none"));
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
    text: say("previews.make", { count: some.length }),
  });
  const dialog = openDialog(
    say("previews.title", { count: some.length }),
    [
      el("p", {
        text: say("previews.how"),
      }),
      el("p", {
        class: "muted",
        text: say("previews.prompt"),
      }),
      names.length > MOST &&
        el("p", {
          class: "muted",
          text: say("previews.first", { most: MOST, count: names.length }),
        }),
    ],
    { buttons: [make] },
  );
  make.addEventListener("click", () => {
    dialog.close();
    form.ask("previews", (fields) => ({ names: some, task: withStack(fields) }));
  });
  make.focus();
}
