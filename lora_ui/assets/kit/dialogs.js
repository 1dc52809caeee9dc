/** Native dialogs: asking before a deletion, asking for a name, showing a panel. */
import { actionButton, el } from "./dom.js";

/** Show a dialog with a title and content; it removes itself once closed. */
export function openDialog(title, content, { className = "", buttons = [] } = {}) {
  const heading = el("h2", {
    class: "dialog-title",
    id: `dialog-${crypto.randomUUID()}`,
    text: title,
  });
  const close = actionButton("close", "Close", "close", { class: "icon-button" });
  const dialog = el(
    "dialog",
    { class: `lora-dialog ${className}`, "aria-labelledby": heading.id },
    el("header", { class: "dialog-head" }, heading, close),
    el("div", { class: "dialog-body" }, content),
    buttons.length > 0 && el("footer", { class: "dialog-foot" }, buttons),
  );
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  closeFromOutside(dialog);
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** A click beside the dialog closes it; one that began inside, such as a text selection, does not. */
function closeFromOutside(dialog) {
  let outside = false;
  dialog.addEventListener("pointerdown", ({ target }) => {
    outside = target === dialog;
  });
  dialog.addEventListener("click", ({ target }) => {
    if (outside && target === dialog) dialog.close();
  });
}

/** Ask before something is done; resolves to whether the user agreed. */
export function confirmDialog(title, text, verb) {
  const cancel = el("button", {
    type: "button",
    class: "button",
    text: "Keep it",
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
  const cancel = el("button", { type: "button", class: "button", text: "Cancel" });
  const submit = el("button", {
    type: "submit",
    form: form.id,
    class: "button button-primary",
    text: "Save",
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
