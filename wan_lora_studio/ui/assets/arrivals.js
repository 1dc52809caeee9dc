/** Arrivals: files, addresses and settings that are dropped or pasted anywhere on the page. */
import { address, request } from "../../lora_ui/assets/kit/api.js";
import { el } from "../../lora_ui/assets/kit/dom.js";
import { acceptFiles, isTextField } from "../../lora_ui/assets/kit/drop_zone.js";
import { toast, toastError } from "../../lora_ui/assets/kit/toasts.js";
import { mayCarrySettings } from "../../lora_ui/assets/kit/upload_groups.js";
import { store } from "../../lora_ui/assets/model/store.js";
import { addToVideo } from "../../lora_ui/assets/uploads/for_video.js";
import { showUploadsInCorner } from "../../lora_ui/assets/uploads/place.js";
import { uploads } from "../../lora_ui/assets/uploads/uploads.js";
import { openTab, shownTab } from "./base/tabs.js";
import { pictureInput, takePictureFile } from "./inputs/picture.js";
import { restore, settingsOf } from "./inputs/result_settings.js";
import { say } from "./texts/say.js";

const PICTURE = /\.(png|jpe?g|webp|gif|avif)$/i;
const DROP_FOR_VIDEO = say("arrival.forVideo");
const DROP_FOR_LIBRARY = say("arrival.forLibrary");
const ONE_FILLS = say("arrival.oneFills");
const NO_USE = say("arrival.noUse");
const AS_INPUT = say("arrival.asInput");
const IN_FORM = say("arrival.inForm");
const NO_INPUT = say("arrival.noInput");
const PASTED_SETTINGS = say("arrival.pasted");
const OTHER_SITE = {
  message: say("arrival.otherSite"),
  suggestions: [say("arrival.otherSiteHint")],
};
const A1111_SETTINGS = /(^|\n)Steps: \d+, [^\n]+: [^\n]+$/;
const GRAPH_OR_TASK = /"(class_type|nodes|model_type|activated_loras|num_inference_steps)"/;
const OWN_HASH = /^#(?:video\/.|(?:loras|gallery|models)(?:[/?]|$))/;
const OWN_FILES = [
  [/^api\/results\/([^/]+)\/(?:video|poster)/, (id) => `#video/${id}`],
  [/^api\/loras\/thumbnail$/, (_, url) => `#loras/${url.searchParams.get("name") ?? ""}`],
];

/** Take what arrives on any tab; call it once. */
export function connectArrivals() {
  const said = el("p");
  const note = el("div", { class: "lora-ui page-drop-note", "aria-hidden": "true" }, said);
  document.body.append(note);
  showUploadsInCorner();
  uploads.readSettings = (row) => readWith(takeSettings, row);
  uploads.showLibrary = () => openTab("loras");
  // The library's tab takes its files itself: a picture may be meant for one of the cards.
  acceptFiles(note, takeFiles, { isShown: () => shownTab() !== "loras" });
  document.addEventListener("dragenter", () => {
    said.textContent = isGenerate() ? DROP_FOR_VIDEO : DROP_FOR_LIBRARY;
  });
  document.addEventListener("paste", (event) => {
    const text = event.clipboardData?.getData("text/plain").trim() ?? "";
    if (event.defaultPrevented) return;
    if (isTextField(event.target)) offerSettings(text);
    else if (takeText(text)) event.preventDefault();
  });
  connectDroppedText();
}

/** Links and texts: a link that nobody takes makes the browser leave the page. */
function connectDroppedText() {
  const isText = ({ target, dataTransfer }) =>
    dataTransfer?.types.includes("text/plain") &&
    !dataTransfer.types.includes("Files") &&
    !isTextField(target);
  let fromPage = false;
  document.addEventListener("dragstart", () => {
    fromPage = true;
  });
  document.addEventListener("dragend", () => {
    fromPage = false;
  });
  document.addEventListener("dragover", (event) => isText(event) && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!isText(event)) return;
    event.preventDefault();
    if (!fromPage) takeText(event.dataTransfer.getData("text/plain").trim());
  });
}

function isGenerate() {
  return shownTab() === "generate";
}

function takeFiles(files) {
  uploads.take(files, isGenerate() ? { forVideo: true, others: takeOthers } : {});
}

/** Of files that go with no LoRA, the first that can fill the form does. */
function takeOthers(rows) {
  const first = rows.find(({ file }) => mayCarrySettings(file));
  for (const row of rows) {
    if (row !== first) uploads.leave(row, mayCarrySettings(row.file) ? ONE_FILLS : NO_USE);
  }
  if (!first) return;
  const isInput = isPicture(first.file) && pictureInput.use !== "none";
  readWith(isInput ? takePicture : takeSettings, first);
}

/** `take(row)` raises what it cannot use; its line then says why. */
async function readWith(take, row) {
  row.read();
  try {
    await take(row);
  } catch (error) {
    const noInput = isPicture(row.file) && pictureInput.use === "none";
    const said = [error.message, noInput && NO_INPUT, ...(error.suggestions ?? [])];
    row.leave(say("arrival.leftOut", { why: said.filter(Boolean).join(" ") }));
  }
  uploads.draw();
}

async function takePicture(row) {
  const { carries } = await takePictureFile(row.file);
  row.taken(
    AS_INPUT,
    carries ? [[say("arrival.loadSettings", { what: carries }), "settings"]] : [],
  );
}

async function takeSettings(row) {
  const settings = await settingsOf(row.file);
  if (row.isOver) return; // cancelled
  restore(settings);
  row.taken(IN_FORM);
}

function isPicture({ type, name }) {
  return type.startsWith("image/") || PICTURE.test(name);
}

/** An address of this page, settings, a link; gives whether the text was one of these. */
function takeText(text) {
  const place = ownPlace(text);
  if (place !== null) go(place);
  else if (isSettings(text)) restoreText(text);
  else if (/^https?:\/\/\S+$/.test(text)) toastError(OTHER_SITE);
  else return false;
  return true;
}

/** The part of this page that an address names, as its hash; null for another's. */
function ownPlace(text) {
  if (OWN_HASH.test(text)) return text;
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  const root = address("");
  if (!url.href.startsWith(root)) return null;
  const path = url.href.slice(root.length).replace(/[?#].*$/, "");
  if (path === "") return url.hash;
  const [file, hashOf] = OWN_FILES.find(([pattern]) => pattern.test(path)) ?? [];
  return file ? hashOf(file.exec(path)[1], url) : null;
}

/** On the generation tab a video fills the form and a LoRA is added; elsewhere both are shown. */
function go(hash) {
  const [, kind, name] = /^#(video|loras)\/([^?]+)/.exec(hash) ?? [];
  if (!kind || !isGenerate()) {
    location.hash = hash;
  } else if (kind === "video") {
    restoreVideo(decodeURIComponent(name));
  } else {
    addNamed(decodeURIComponent(name));
  }
}

async function restoreVideo(id) {
  try {
    restore(await request("GET", `api/results/${encodeURIComponent(id)}/settings`));
  } catch (error) {
    toastError(error);
  }
}

function addNamed(name) {
  if (!store.byName.has(name)) toastError(notHere(name));
  else if (!store.selection.has(name)) addToVideo(name);
}

function notHere(name) {
  return {
    message: say("arrival.noLora", { name }),
    suggestions: [say("arrival.noLoraHint")],
  };
}

function isSettings(text) {
  return A1111_SETTINGS.test(text) || (text.startsWith("{") && GRAPH_OR_TASK.test(text));
}

async function restoreText(text) {
  try {
    restore(await settingsOf(new Blob([text])));
  } catch (error) {
    toastError(error);
  }
}

/** The text goes where it was pasted; that it could fill the form is said. */
function offerSettings(text) {
  if (!isSettings(text)) return;
  toast(PASTED_SETTINGS, { action: { label: say("arrival.fill"), run: () => restoreText(text) } });
}
