/** Editing what is said about a LoRA. Only what was changed is sent. */

import { openDialog } from "../kit/dialogs.js";
import { el } from "../kit/dom.js";
import { toast, toastError } from "../kit/toasts.js";
import * as library from "../model/library_api.js";
import { kindOf, titleFor, titleOf } from "../model/lora_text.js";
import { store } from "../model/store.js";
import { parsed } from "../model/strengths.js";
import { lineOf } from "../model/trigger_words.js";
import { say } from "../texts/say.js";

const EXPERTS = {
  both: say("expert.bothExperts"),
  high: say("expert.high"),
  low: say("expert.low"),
};

export async function editDetails(name) {
  try {
    const { record } = await library.details(name, store.model);
    open(record);
  } catch (error) {
    toastError(error);
  }
}

function open(record) {
  const before = valuesOf(record);
  const fields = Object.fromEntries(
    Object.entries(before).map(([key, value]) => [key, control(key, value)]),
  );
  const problem = el("p", { class: "problem", role: "alert" });
  const form = el(
    "form",
    { class: "dialog-form", id: `edit-${crypto.randomUUID()}` },
    labelled(say("edit.title"), fields.title),
    labelled(say("edit.description"), fields.description),
    labelled(say("edit.triggers"), fields.trigger_words),
    labelled(say("edit.tags"), fields.tags),
    labelled(say("edit.author"), fields.author),
    labelled(say("file.baseModel"), fields.base_model),
    labelled(say("edit.notes"), fields.notes),
    labelled(say("edit.preferredHigh"), fields.high),
    labelled(say("edit.preferredLow"), fields.low),
    fields.expert && labelled(say("edit.expert"), fields.expert),
    problem,
  );
  const cancel = button(say("dialog.cancel"), {});
  const save = button(say("dialog.save"), {
    type: "submit",
    form: form.id,
    class: "button button-primary",
  });
  const reset = button(say("edit.reset"), { class: "button button-quiet" });
  const buttons = record.edited?.length > 0 ? [reset, cancel, save] : [cancel, save];
  const dialog = openDialog(say("edit.heading", { title: titleOf(record) }), form, {
    className: "dialog-edit",
    buttons,
  });
  cancel.addEventListener("click", () => dialog.close());
  const send = async (changes) => {
    save.disabled = true;
    try {
      if (Object.keys(changes).length > 0) {
        await library.edit(record.name, changes);
        await store.refresh();
        toast(say("edit.saved", { title: titleFor(record.name) }));
      }
      dialog.close();
    } catch (error) {
      problem.textContent = [error.message, ...(error.suggestions ?? [])].join(" ");
      save.disabled = false;
    }
  };
  reset.addEventListener("click", () =>
    send(Object.fromEntries(record.edited.map((key) => [key, null]))),
  );
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const now = Object.fromEntries(
      Object.entries(fields).map(([key, field]) => [key, field.value.trim()]),
    );
    const wrong = ["high", "low"].find((key) => now[key] !== "" && parsed(now[key]) === null);
    if (wrong) {
      problem.textContent = wrong === "high" ? say("edit.wrongHigh") : say("edit.wrongLow");
      return;
    }
    send(changesOf(before, now));
  });
}

/** The fields as texts. */
function valuesOf(record) {
  const about = record.metadata ?? {};
  const { high = "", low = "" } = record.preferred_strengths ?? {};
  return {
    title: record.title ?? "",
    description: about.description ?? "",
    trigger_words: lineOf(about.trigger_words ?? []),
    tags: lineOf(about.tags ?? []),
    author: about.author ?? "",
    base_model: about.base_model ?? "",
    notes: record.notes ?? "",
    high: String(high),
    low: String(low),
    ...(record.is_pair ? {} : { expert: kindOf(record) }),
  };
}

/** What the server is to change, words as a line; an emptied strength takes the preference back. */
function changesOf(before, now) {
  const changes = {};
  for (const [key, value] of Object.entries(now)) {
    if (value === before[key].trim() || key === "high" || key === "low") continue;
    changes[key] = value;
  }
  if (now.high !== before.high || now.low !== before.low) {
    const high = parsed(now.high) ?? parsed(now.low);
    const low = parsed(now.low) ?? parsed(now.high);
    changes.preferred_strengths = high === null ? null : { high, low };
  }
  return changes;
}

function control(key, value) {
  const id = `edit-${key}`;
  if (key === "expert") {
    const known = value in EXPERTS ? EXPERTS : { [value]: say("edit.unknown"), ...EXPERTS };
    const options = Object.entries(known).map(([role, text]) =>
      el("option", { value: role, text }),
    );
    const select = el("select", { class: "field", id }, options);
    select.value = value;
    return select;
  }
  if (key === "description" || key === "notes") {
    return el("textarea", { class: "field", id, rows: "3", value });
  }
  const numeric = key === "high" || key === "low";
  return el("input", {
    type: "text",
    class: "field",
    id,
    autocomplete: "off",
    inputmode: numeric ? "decimal" : null,
    value,
  });
}

function labelled(text, field) {
  return [el("label", { for: field.id, text }), field];
}

function button(text, props) {
  return el("button", { type: "button", class: "button", text, ...props });
}
