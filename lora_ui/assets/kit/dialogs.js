/** Native dialogs: asking before a deletion, asking for a name, showing a panel. */

import { say } from "../texts/say.js";
import { actionButton, el } from "./dom.js";

const TYPED =
  "textarea:not([data-kept], [readonly]), input:is([type=text], [type=number], :not([type])):not([data-kept], [readonly])";

const DISCARDING = [
  say("dialog.discardTitle"),
  say("dialog.discardText"),
  say("dialog.discard"),
  say("dialog.keepEditing"),
];

/** Show a dialog with a title and content; it removes itself once closed. */
export function openDialog(title, content, { className = "", buttons = [] } = {}) {
  const heading = el("h2", {
    class: "dialog-title",
    id: `dialog-${crypto.randomUUID()}`,
    text: title,
    title,
  });
  const close = actionButton("close", say("dialog.close"), "close", { class: "icon-button" });
  const dialog = el(
    "dialog",
    { class: `lora-dialog ${className}`, "aria-labelledby": heading.id },
    el("header", { class: "dialog-head" }, heading, close),
    el("div", { class: "dialog-body" }, content),
    buttons.length > 0 && el("footer", { class: "dialog-foot" }, buttons),
  );
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  const leave = leavingAsks(dialog);
  closeFromOutside(dialog, leave);
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * Esc, or a click outside, loses no typed text: the user is asked first. Gives what closes the
 * dialog in this way. A field whose text is kept anyhow says so by `data-kept`.
 */
function leavingAsks(dialog) {
  const before = new Map(); // each field's text when the user came to it
  dialog.addEventListener("focusin", ({ target }) => {
    if (target.matches(TYPED) && !before.has(target)) before.set(target, target.value);
  });
  const isTyped = () =>
    [...before].some(
      ([field, text]) => field.isConnected && field.value.trim() !== "" && field.value !== text,
    );
  const leave = async () => {
    if (!isTyped()) dialog.close();
    else if (await confirmDialog(...DISCARDING)) dialog.close();
  };
  const held = (event) => {
    if (event.defaultPrevented || !isTyped()) return;
    event.preventDefault();
    leave();
  };
  dialog.addEventListener("keydown", (event) => event.key === "Escape" && held(event));
  dialog.addEventListener("cancel", (event) => event.target === dialog && held(event)); // a phone's Back
  return leave;
}

/** A click beside the dialog closes it; one that began inside, such as a text selection, does not. */
function closeFromOutside(dialog, leave) {
  let outside = false;
  dialog.addEventListener("pointerdown", ({ target }) => {
    outside = target === dialog;
  });
  dialog.addEventListener("click", ({ target }) => {
    if (outside && target === dialog) leave();
  });
}

/** Ask before something is done; resolves to whether the user agreed. */
export function confirmDialog(title, text, verb, keep = say("dialog.keep")) {
  const cancel = el("button", {
    type: "button",
    class: "button",
    text: keep,
    autofocus: true,
  });
  const agree = el("button", { type: "button", class: "button button-danger", text: verb });
  const dialog = openDialog(title, el("p", { text }), { buttons: [cancel, agree] });
  return new Promise((resolve) => {
    let agreed = false;
    cancel.addEventListener("click", () => dialog.close());
    agree.addEventListener("click", () => {
      agreed = true;
      dialog.close();
    });
    dialog.addEventListener("close", () => resolve(agreed));
  });
}

/**
 * Ask for a name. `save(name)` does the work; what it raises is shown in the dialog, which
 * stays open for another try.
 */
export function nameDialog(title, label, current, save) {
  const input = el("input", {
    type: "text",
    id: "dialog-name",
    class: "field",
    autocomplete: "off",
  });
  input.value = current;
  const problem = el("p", { class: "problem", role: "alert" });
  const form = el(
    "form",
    { class: "dialog-form", id: "dialog-name-form" },
    el("label", { for: "dialog-name", text: label }),
    input,
    problem,
  );
  const cancel = el("button", { type: "button", class: "button", text: say("dialog.cancel") });
  const submit = el("button", {
    type: "submit",
    form: form.id,
    class: "button button-primary",
    text: say("dialog.save"),
  });
  const dialog = openDialog(title, form, { buttons: [cancel, submit] });
  cancel.addEventListener("click", () => dialog.close());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      if (input.value !== current) await save(input.value);
      dialog.close();
    } catch (error) {
      problem.textContent = [error.message, ...(error.suggestions ?? [])].join(" ");
      submit.disabled = false;
    }
  });
  input.select();
}
