/** LoRA sets: save the stack under a name, apply one, take them along as files. */
import { address, request } from "../kit/api.js";
import { confirmDialog, nameDialog, openDialog } from "../kit/dialogs.js";
import { delegate, el, icon } from "../kit/dom.js";
import { openMenu } from "../kit/menu.js";
import { toast, toastError } from "../kit/toasts.js";
import { form } from "../model/form.js";
import { thumbnail, titleOf, usable } from "../model/lora_text.js";
import { store } from "../model/store.js";
import { strengthText } from "../model/strengths.js";
import { say } from "../texts/say.js";

const PICTURES = 4;
const MOST_BYTES = 1_000_000;
const ACTIONS = {
  apply: {
    text: say("sets.apply"),
    hint: say("sets.applyHint"),
    label: (name) => say("sets.applyOne", { name }),
  },
  append: {
    text: say("sets.append"),
    hint: say("sets.appendHint"),
    label: (name) => say("sets.appendOne", { name }),
  },
};

export async function openSets() {
  const view = createView();
  const dialog = openDialog(say("sets.title"), view.element, { className: "dialog-sets" });
  view.close = () => dialog.close();
  await attempt(async () => show(view, await request("GET", "api/sets")));
}

function createView() {
  const name = el("input", {
    type: "text",
    class: "field",
    id: "set-name",
    autocomplete: "off",
    maxlength: 100,
    placeholder: say("sets.name"),
  });
  const save = el("button", {
    type: "submit",
    class: "button button-primary",
    text: say("dialog.save"),
  });
  const saving = el(
    "form",
    { class: "set-save" },
    el("label", {
      for: "set-name",
      text: say("sets.saveStack", { count: store.stack.entries.size }),
    }),
    el("div", {}, name, save),
  );
  const file = el("input", {
    type: "file",
    id: "set-file",
    accept: ".json,.lset,application/json",
    class: "visually-hidden",
    tabindex: -1,
    "aria-label": say("sets.file"),
  });
  const choose = el(
    "button",
    { type: "button", class: "button" },
    icon("upload"),
    say("sets.import"),
  );
  const list = el("ul", { class: "sets", "aria-label": say("sets.list") });
  const empty = el("p", { class: "muted", text: say("sets.none"), hidden: true });
  const view = { element: null, list, empty, sets: [], close: null };
  const hint = el("p", { class: "muted", text: say("sets.hint") });
  view.element = el(
    "div",
    { class: "sets-view" },
    store.stack.entries.size > 0 && saving,
    empty,
    list,
    el("div", { class: "set-import" }, choose, hint, file),
  );
  saving.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(() => saveAs(view, name.value));
  });
  choose.addEventListener("click", () => file.click());
  file.addEventListener("change", () => attempt(() => importFile(view, file)));
  delegate(list, "click", (target) => clicked(view, target));
  return view;
}

function show(view, { sets }) {
  view.sets = sets;
  view.empty.hidden = sets.length > 0;
  view.list.replaceChildren(...sets.map(row));
}

function row({ name, loras }) {
  const cards = loras.slice(0, PICTURES).map((item) => store.byName.get(item.name) ?? item);
  const facts = loras.map(
    (item) => `${titleOf(store.byName.get(item.name)) || item.name} ${strengthText(item.strength)}`,
  );
  const missing = loras.filter((item) => !usable(store.byName.get(item.name))).length;
  return el(
    "li",
    { class: "set", dataset: { name } },
    el(
      "div",
      { class: "set-pictures", "aria-hidden": "true" },
      cards.map((card) => thumbnail(card, "set-picture")),
    ),
    el(
      "div",
      { class: "set-text" },
      el("p", { class: "set-name", text: name }),
      el("p", { class: "muted set-facts", text: facts.join(" · "), title: facts.join("\n") }),
      missing > 0 &&
        el("p", { class: "set-missing", text: say("sets.missing", { count: missing }) }),
    ),
    el(
      "div",
      { class: "set-buttons" },
      action("apply", name),
      action("append", name),
      el(
        "button",
        {
          type: "button",
          class: "icon-button",
          dataset: { action: "more" },
          "aria-label": say("sets.moreFor", { name }),
          "aria-haspopup": "menu",
          title: say("sets.more"),
        },
        icon("more"),
      ),
    ),
  );
}

function action(what, name) {
  const { text, hint, label } = ACTIONS[what];
  return el("button", {
    type: "button",
    class: "button",
    dataset: { action: what },
    "aria-label": label(name),
    title: hint,
    text,
  });
}

function clicked(view, target) {
  const { name } = target.closest(".set").dataset;
  const set = view.sets.find((item) => item.name === name);
  if (target.dataset.action === "more") {
    moreFor(view, set, target);
    return;
  }
  applySet(set, target.dataset.action === "append");
  view.close();
}

/** Put the set's LoRAs into the stack; those that the library lacks are switched off. */
function applySet({ name, loras }, append) {
  const restore = store.stack.restorer();
  const missing = loras.filter((item) => !usable(store.byName.get(item.name)));
  for (const item of loras) {
    const on = item.on && !missing.includes(item);
    store.stack.add(item.name, item.strength, { on, split: false });
  }
  if (!append) store.stack.keepOnly(loras.map((item) => item.name));
  toast(append ? say("sets.appended", { name }) : say("sets.applied", { name }), {
    details: missing.map((item) => say("sets.switchedOff", { name: item.name })),
    action: { label: say("action.undo"), run: restore },
  });
}

function moreFor(view, set, button) {
  const { name } = set;
  openMenu(button, say("sets.moreFor", { name }), [
    { label: say("action.rename"), glyph: "pencil", run: () => rename(view, name) },
    {
      label: say("sets.replaceWithStack"),
      glyph: "save",
      disabled: store.stack.entries.size === 0,
      run: () => attempt(async () => show(view, await save(name, true))),
    },
    { label: say("sets.export"), glyph: "down", run: () => download(name) },
    null,
    { label: say("action.delete"), glyph: "trash", danger: true, run: () => remove(view, set) },
  ]);
}

function save(name, replace) {
  const loras = [...store.stack.entries].map(([lora, { strength, on }]) => ({
    name: lora,
    strength,
    on,
  }));
  return request("POST", "api/sets", { body: { name, loras, replace } });
}

async function saveAs(view, name) {
  try {
    show(view, await save(name, false));
  } catch (error) {
    if (error.context?.taken === undefined) throw error;
    const text = say("sets.replaceText", { name: error.context.taken });
    if (!(await confirmDialog(say("sets.replaceTitle"), text, say("sets.replace")))) return;
    show(view, await save(name, true));
  }
  toast(say("sets.saved", { name: name.trim() }));
}

function rename(view, name) {
  nameDialog(say("sets.rename"), say("action.newName"), name, async (newName) => {
    const body = { name, new_name: newName };
    show(view, await request("POST", "api/sets/rename", { body }));
  });
}

async function remove(view, set) {
  await attempt(async () => {
    const { name, loras } = set;
    show(view, await request("POST", "api/sets/delete", { body: { name } }));
    const undo = async () => show(view, await request("POST", "api/sets", { body: set }));
    toast(say("sets.deleted", { name }), {
      details: [say("sets.count", { count: loras.length })],
      action: { label: say("action.undo"), run: () => attempt(undo) },
    });
  });
}

function download(name) {
  const link = el("a", { href: address("api/sets/export", { name }), download: `${name}.json` });
  document.body.append(link);
  link.click();
  link.remove();
}

async function importFile(view, input) {
  const file = input.files[0];
  input.value = "";
  if (!file) return;
  if (file.size > MOST_BYTES) throw new Error(say("sets.tooLarge", { file: file.name }));
  const body = { filename: file.name, text: await file.text() };
  const answer = await request("POST", "api/sets/import", { body });
  show(view, answer);
  toast(say("sets.imported", { name: answer.name }), {
    details: [
      ...answer.notes,
      answer.prompt && say("sets.prompt", { prompt: answer.prompt }),
    ].filter(Boolean),
    action:
      answer.prompt && store.features.fill
        ? {
            label: say("sets.usePrompt"),
            run: () => form.change(() => ({ prompt: answer.prompt })),
          }
        : null,
  });
}

async function attempt(act) {
  try {
    await act();
  } catch (error) {
    toastError(error);
  }
}
