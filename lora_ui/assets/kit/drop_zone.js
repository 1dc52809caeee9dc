/** Files and folders dropped or pasted anywhere on an element, or chosen with its buttons. */

import { say } from "../texts/say.js";
import { actionButton, el, icon } from "./dom.js";
import { ownName } from "./kept.js";
import { openMenu } from "./menu.js";
import { ACCEPTED } from "./upload_groups.js";

const folders = new WeakMap(); // file of a dropped folder -> that folder's path
const TEXT_FIELD = "textarea, input:not([type=file], [type=range], [type=checkbox], [type=radio])";

/** The path of the folder in which the file was dropped or chosen, "" for a file alone. */
export function folderOf(file) {
  return folders.get(file) ?? (file.webkitRelativePath ?? "").replace(/\/?[^/]*$/, "");
}

/** The upload button with its menu; `take(files)` gets what was chosen. */
export function chooseButton(take) {
  const files = fileInput(ownName("lora-file"), { accept: ACCEPTED.join(",") });
  const folder = fileInput(ownName("lora-folder"), { webkitdirectory: true });
  const button = el(
    "button",
    { type: "button", class: "button button-primary choose-main" },
    icon("upload"),
    el("span", { class: "choose-what", text: say("upload.loras") }),
    el("span", { class: "choose-short", text: say("upload.short") }),
  );
  const more = actionButton("more", say("upload.more"), "down", {
    class: "button button-primary choose-more",
    "aria-haspopup": "menu",
  });
  button.addEventListener("click", () => files.click());
  more.addEventListener("click", () =>
    openMenu(more, say("upload.short"), [
      { label: say("upload.files"), glyph: "upload", run: () => files.click() },
      { label: say("upload.folder"), glyph: "folder", run: () => folder.click() },
    ]),
  );
  for (const input of [files, folder]) {
    input.addEventListener("change", () => {
      const chosen = [...input.files];
      take(input === folder ? chosen.filter(isShown) : chosen);
      input.value = "";
    });
  }
  return el("span", { class: "choose" }, button, more, files, folder);
}

function fileInput(id, more) {
  return el("input", {
    type: "file",
    multiple: true,
    class: "visually-hidden",
    id,
    tabindex: "-1",
    "aria-hidden": "true",
    ...more,
  });
}

/**
 * Let files be dropped and pasted while `zone` is shown, wherever in the window: a drop that
 * misses would otherwise make the browser leave the page. The zone is `dropping` while they hover.
 * With `inside`, what is dropped elsewhere belongs to others.
 */
export function acceptFiles(
  zone,
  take,
  { inside = false, isShown = () => zone.offsetParent !== null } = {},
) {
  let depth = 0;
  let fromPage = false; // what is dragged is a picture or a link of the page itself
  const show = (change) => {
    depth = Math.max(0, change === 0 ? 0 : depth + change);
    zone.classList.toggle("dropping", depth > 0);
  };
  const isHere = ({ target }) =>
    isShown() && (!inside || zone.contains(target) || isOurDialog(target));
  const isOurs = (event) =>
    !fromPage && event.dataTransfer?.types.includes("Files") && isHere(event);
  for (const type of ["dragstart", "dragend"]) {
    document.addEventListener(type, () => {
      fromPage = type === "dragstart";
    });
  }
  document.addEventListener("dragenter", (event) => isOurs(event) && show(1));
  document.addEventListener("dragleave", (event) => isOurs(event) && show(-1));
  document.addEventListener("dragover", (event) => isOurs(event) && event.preventDefault());
  document.addEventListener("drop", async (event) => {
    if (!isOurs(event)) return;
    event.preventDefault();
    show(0);
    const { target } = event;
    take(await droppedFiles(event.dataTransfer), target);
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0 || !isHere(event)) return;
    // A table or a page that is copied brings its picture along: in a field its text is meant.
    if (isTextField(event.target) && event.clipboardData.types.includes("text/plain")) return;
    event.preventDefault();
    take(files, event.target);
  });
}

/** Whether text that is pasted or dropped here goes into a field. */
export function isTextField(target) {
  return target instanceof Element && (target.matches(TEXT_FIELD) || target.isContentEditable);
}

/** A dialog stands outside of the zone, and takes a picture for a LoRA. */
function isOurDialog(target) {
  const dialog = target instanceof Element ? target.closest("[data-thumbnail-of]") : null;
  return dialog?.dataset.extension === ownName("");
}

async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.every((entry) => entry.isFile)) return [...transfer.files];
  const nested = await Promise.all(entries.map(filesIn));
  return nested.flat();
}

/** Whether no folder on a file's path is hidden. */
function isShown({ name, webkitRelativePath: path }) {
  return !(path || name).split("/").some((step) => step.startsWith("."));
}

/** Every file of a dropped folder, however deep; not what is hidden. */
async function filesIn(entry) {
  if (entry.name.startsWith(".")) return [];
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    folders.set(file, entry.fullPath.replace(/^\/|\/?[^/]*$/g, ""));
    return [file];
  }
  const reader = entry.createReader();
  const children = [];
  let batch;
  do {
    batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    children.push(...batch);
  } while (batch.length > 0);
  return (await Promise.all(children.map(filesIn))).flat();
}
