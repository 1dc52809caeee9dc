/** Dialogs that ask for a folder, or for which file is which half of a pair. */

import { openDialog } from "../kit/dialogs.js";
import { el } from "../kit/dom.js";
import { makeFolder } from "../model/library_api.js";
import { folderOf } from "../model/library_query.js";
import { kindOf, nameBelow, titleOf } from "../model/lora_text.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";
import { folderPaths } from "./folders.js";

/** Resolves to a folder's path ("" is the top), made if it was not there; null if given up. */
export function chooseFolder(names) {
  const here = new Set(names.map((name) => folderOf(store.byName.get(name) ?? {})));
  const select = el(
    "select",
    { class: "field", id: "move-folder" },
    el("option", { value: "", text: say("move.top") }),
    folderPaths().map((path) => el("option", { value: path, text: path })),
  );
  if (here.size === 1) select.value = [...here][0];
  const fresh = el("input", { type: "text", class: "field", id: "move-new", autocomplete: "off" });
  const fields = [
    el("label", { for: select.id, text: say("filter.folder") }),
    select,
    el("label", { for: fresh.id, text: say("move.new") }),
    fresh,
  ];
  return asked(say("move.title", { count: names.length }), fields, say("action.move"), async () => {
    const name = fresh.value.trim();
    if (name === "") return select.value;
    const path = select.value ? `${select.value}/${name}` : name;
    if (!folderPaths().includes(path)) await makeFolder(path);
    return path;
  });
}

/** Resolves to `{high, low}`: names of the two files; null if given up. */
export function choosePair(names) {
  const others = store.cards.filter((card) => !card.is_pair && card.status === "ok");
  const first = store.byName.get(names[0]);
  const [high, low] = halves(names, first);
  const field = (id, label, chosen) => {
    const select = el(
      "select",
      { class: "field", id },
      el("option", { value: "", text: say("pair.choose") }),
      others.map((card) => el("option", { value: card.name, text: optionText(card) })),
    );
    select.value = chosen;
    return [el("label", { for: id, text: label }), select];
  };
  const fields = [
    ...field("pair-high", say("pair.high"), high),
    ...field("pair-low", say("pair.low"), low),
  ];
  return asked(say("pair.title"), fields, say("action.pair"), () => ({
    high: fields[1].value,
    low: fields[3].value,
  }));
}

function halves(names, first) {
  const [a, b = likelyOther(first)] = names;
  const isLow = kindOf(first ?? {}) === "low" || kindOf(store.byName.get(b) ?? {}) === "high";
  return isLow ? [b, a] : [a, b];
}

/** The LoRA whose name is the same but for the word that names the expert; "" if none is. */
function likelyOther(card) {
  if (!card) return "";
  const bare = (name) => name.toLocaleLowerCase().replace(/high|low|hn|ln/g, "");
  const found = store.cards.find(
    (other) => other !== card && !other.is_pair && bare(other.name) === bare(card.name),
  );
  return found?.name ?? "";
}

/** A form in a dialog; `answer()` gives what it resolves to, and what it raises is shown. */
function asked(title, fields, verb, answer) {
  const problem = el("p", { class: "problem", role: "alert" });
  const form = el(
    "form",
    { class: "dialog-form", id: `ask-${crypto.randomUUID()}` },
    fields,
    problem,
  );
  const cancel = el("button", { type: "button", class: "button", text: say("dialog.cancel") });
  const submit = el("button", {
    type: "submit",
    form: form.id,
    class: "button button-primary",
    text: verb,
  });
  const dialog = openDialog(title, form, { buttons: [cancel, submit] });
  cancel.addEventListener("click", () => dialog.close());
  return new Promise((resolve) => {
    let found = null;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      submit.disabled = true;
      try {
        found = await answer();
        dialog.close();
      } catch (error) {
        problem.textContent = [error.message, ...(error.suggestions ?? [])].join(" ");
        submit.disabled = false;
      }
    });
    dialog.addEventListener("close", () => resolve(found));
  });
}

/** The title, with the name where that says more. */
function optionText(card) {
  const below = nameBelow(card);
  return below ? `${titleOf(card)} (${below})` : titleOf(card);
}
