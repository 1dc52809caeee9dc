/** What can be done to one LoRA or to many. Each says how it went, and what can be undone. */

import { confirmDialog, nameDialog } from "../kit/dialogs.js";
import { toast, toastError } from "../kit/toasts.js";
import * as library from "../model/library_api.js";
import { folderOf } from "../model/library_query.js";
import { titleFor } from "../model/lora_text.js";
import { marks } from "../model/marked.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";
import { chooseFolder, choosePair } from "./choose_dialogs.js";

const ASKED_FROM = 2; // so many are not deleted without a question

export function renameLora(name) {
  nameDialog(say("rename.title"), say("action.newName"), name, async (newName) => {
    await library.renameTo(name, newName);
    store.renamed(name, newName);
    await store.refresh();
    toast(say("rename.done", { name, newName }));
  });
}

export async function deleteLoras(names) {
  if (names.length >= ASKED_FROM) {
    const title = say("delete.title", { count: names.length });
    if (!(await confirmDialog(title, say("delete.text"), say("action.delete")))) return;
  }
  const before = new Map(store.stack.entries);
  const { done: gone, undo } = await many("delete", names);
  for (const name of gone) store.deselect(name);
  if (gone.length === 0) return;
  const { length: count } = gone;
  const title = titleFor(gone[0]); // while it is known
  await store.refresh();
  toast(count === 1 ? say("delete.one", { title }) : say("delete.many", { count }), {
    action: { label: say("action.undo"), run: () => undoDelete(gone, undo, before) },
  });
}

/** `before` is the stack as it was: what stood in it does so again, switched and split as then. */
async function undoDelete(names, id, before) {
  const { done: back } = await many("undo", names, { id });
  await store.refresh();
  if (back.some((name) => before.has(name))) store.stack.bringBack(back, before);
  const { length: count } = back;
  if (count === 1) toast(say("trash.back", { title: titleFor(back[0]) }));
  if (count > 1) toast(say("trash.backMany", { count }));
}

export async function moveLoras(names) {
  const folder = await chooseFolder(names);
  if (folder !== null) await moveTo(names, folder);
}

/** Those that are elsewhere go to `folder`; "" is the top. */
export async function moveTo(names, folder) {
  const before = new Map(names.map((name) => [name, folderOf(store.byName.get(name) ?? {})]));
  const elsewhere = names.filter((name) => before.get(name) !== folder);
  if (elsewhere.length === 0) return;
  const { done: moved } = await many("move", elsewhere, { folder });
  if (moved.length === 0) return;
  await store.refresh();
  toast(movedText(moved, folder), {
    action: { label: say("action.undo"), run: () => moveBack(moved, before) },
  });
}

function movedText(names, folder) {
  const { length: count } = names;
  if (count > 1)
    return folder ? say("move.many", { count, folder }) : say("move.manyTop", { count });
  const title = titleFor(names[0]);
  return folder ? say("move.one", { title, folder }) : say("move.oneTop", { title });
}

/** `before` are the folders by name. */
async function moveBack(names, before) {
  for (const folder of new Set(names.map((name) => before.get(name)))) {
    const from = names.filter((name) => before.get(name) === folder);
    await many("move", from, { folder });
  }
  await store.refresh();
}

/** Make them favourites, or not any more if all of them are. */
export async function starLoras(names) {
  const cards = names.map((name) => store.byName.get(name)).filter(Boolean);
  const favourite = !cards.every((card) => card.favourite);
  await many("edit", names, { changes: { favourite } });
  await store.refresh();
}

/** Add words to the tags of many at once. */
export function tagLoras(names) {
  nameDialog(say("tag.title", { count: names.length }), say("edit.tags"), "", async (text) => {
    const added = text
      .split(",")
      .map((tag) => tag.trim())
      .filter(Boolean);
    for (const name of names) {
      const tags = store.byName.get(name)?.metadata?.tags ?? [];
      await library.edit(name, { tags: [...new Set([...tags, ...added])] });
    }
    await store.refresh();
    toast(say("tag.added", { what: called(names), count: added.length }));
  });
}

export async function copyTriggers(names) {
  const words = names.flatMap((name) => store.byName.get(name)?.metadata?.trigger_words ?? []);
  const text = [...new Set(words)].join(", ");
  if (text === "") {
    toast(say("triggers.none", { what: called(names) }));
    return;
  }
  await copyText(text, say("triggers.copied"));
}

export async function copyText(text, said) {
  try {
    await navigator.clipboard.writeText(text);
    toast(said, { details: [text] });
  } catch {
    toast(say("copy.refused"), { details: [text] });
  }
}

export async function pairLoras(names) {
  const halves = await choosePair(names);
  if (halves === null) return;
  await attempt(async () => {
    const [high, low] = [titleFor(halves.high), titleFor(halves.low)];
    await library.pair(halves.high, halves.low);
    marks.clear();
    await store.refresh();
    toast(say("pair.made", { high, low }));
  });
}

export function splitLora(name) {
  return attempt(async () => {
    const title = titleFor(name);
    await library.split(name);
    store.deselect(name);
    await store.refresh();
    toast(say("pair.split", { title }));
  });
}

export function lookAgain() {
  return attempt(async () => {
    await library.lookAgain();
    await store.refresh();
    toast(say("refresh.done"));
  });
}

async function attempt(act) {
  try {
    await act();
  } catch (error) {
    toastError(error);
  }
}

/**
 * Do it to each. Resolves to the names with which it was `done`, and the `undo` of a deletion; the
 * others are said in one message.
 */
async function many(action, names, more) {
  let answer;
  try {
    answer = await library.many(action, names, more);
  } catch (error) {
    toastError(error);
    return { done: [] };
  }
  const { results, undo } = answer;
  const failed = results.filter((result) => !result.ok).map((result) => result.error);
  if (failed.length === 1) toastError(failed[0]);
  if (failed.length > 1) {
    toast(say("many.failed", { failed: failed.length, count: names.length }), {
      kind: "error",
      details: failed.slice(0, 5).map((error) => error.message),
    });
  }
  return { done: results.filter((result) => result.ok).map((result) => result.name), undo };
}

function called(names) {
  return names.length === 1 ? titleFor(names[0]) : say("many.loras", { count: names.length });
}
