/** What can be done to one LoRA or to many. Each says how it went, and what can be undone. */

import { confirmDialog, nameDialog } from "../kit/dialogs.js";
import { plural } from "../kit/format.js";
import { toast, toastError } from "../kit/toasts.js";
import * as library from "../model/library_api.js";
import { folderOf } from "../model/library_query.js";
import { titleFor } from "../model/lora_text.js";
import { marks } from "../model/marked.js";
import { store } from "../model/store.js";
import { chooseFolder, choosePair } from "./choose_dialogs.js";

const ASKED_FROM = 2; // so many are not deleted without a question

export function renameLora(name) {
  nameDialog("Rename LoRA", "New name", name, async (newName) => {
    await library.renameTo(name, newName);
    store.renamed(name, newName);
    await store.refresh();
    toast(`${name} is now called ${newName}.`);
  });
}

export async function deleteLoras(names) {
  if (names.length >= ASKED_FROM) {
    const text = "They go to the library's trash. You can undo this right afterwards.";
    if (!(await confirmDialog(`Delete ${names.length} LoRAs?`, text, "Delete"))) return;
  }
  const before = new Map(store.stack.entries);
  const { done: gone, undo } = await many("delete", names);
  for (const name of gone) store.deselect(name);
  if (gone.length === 0) return;
  const what = called(gone); // while its title is known
  await store.refresh();
  toast(`${what} ${gone.length === 1 ? "was" : "were"} deleted.`, {
    action: { label: "Undo", run: () => undoDelete(gone, undo, before) },
  });
}

/** `before` is the stack as it was: what stood in it does so again, switched and split as then. */
async function undoDelete(names, id, before) {
  const { done: back } = await many("undo", names, { id });
  await store.refresh();
  if (back.some((name) => before.has(name))) store.stack.bringBack(back, before);
  if (back.length > 0) toast(`${called(back)} ${back.length === 1 ? "is" : "are"} back.`);
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
  toast(`${called(moved)} moved to ${folder || "the top folder"}.`, {
    action: { label: "Undo", run: () => moveBack(moved, before) },
  });
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
  nameDialog(
    `Add tags to ${plural(names.length, "LoRA")}`,
    "Tags, separated by commas",
    "",
    async (text) => {
      const added = text
        .split(",")
        .map((tag) => tag.trim())
        .filter(Boolean);
      for (const name of names) {
        const tags = store.byName.get(name)?.metadata?.tags ?? [];
        await library.edit(name, { tags: [...new Set([...tags, ...added])] });
      }
      await store.refresh();
      toast(`${called(names)}: ${plural(added.length, "tag")} added.`);
    },
  );
}

export async function copyTriggers(names) {
  const words = names.flatMap((name) => store.byName.get(name)?.metadata?.trigger_words ?? []);
  const text = [...new Set(words)].join(", ");
  if (text === "") {
    toast(`${called(names)}: no trigger words are known.`);
    return;
  }
  await copyText(text, "Trigger words copied.");
}

export async function copyText(text, said) {
  try {
    await navigator.clipboard.writeText(text);
    toast(said, { details: [text] });
  } catch {
    toast("The browser does not let the page copy. Here is the text:", { details: [text] });
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
    toast(`${high} and ${low} are one LoRA now.`);
  });
}

export function splitLora(name) {
  return attempt(async () => {
    const title = titleFor(name);
    await library.split(name);
    store.deselect(name);
    await store.refresh();
    toast(`${title} is two LoRAs now, one for each expert.`);
  });
}

export function lookAgain() {
  return attempt(async () => {
    await library.lookAgain();
    await store.refresh();
    toast("The LoRA folder was looked through again.");
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
    toast(`${failed.length} of ${names.length} could not be changed.`, {
      kind: "error",
      details: failed.slice(0, 5).map((error) => error.message),
    });
  }
  return { done: results.filter((result) => result.ok).map((result) => result.name), undo };
}

function called(names) {
  return names.length === 1 ? titleFor(names[0]) : plural(names.length, "LoRA");
}
