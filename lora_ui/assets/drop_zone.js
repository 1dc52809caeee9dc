/** Files and folders dropped anywhere on an element, or chosen with its button. */
import { el, icon } from "./dom.js";

const SUFFIX = /\.(safetensors|pt|pth|ckpt|bin)$/i;

/** The upload button; `take(files)` gets what was chosen. */
export function chooseButton(take) {
  const input = el("input", {
    type: "file",
    multiple: true,
    accept: ".safetensors",
    class: "visually-hidden",
    id: "lora-file",
    tabindex: "-1",
    "aria-hidden": "true",
  });
  const button = el(
    "button",
    { type: "button", class: "button button-primary" },
    icon("upload"),
    "Upload LoRAs",
  );
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = "";
  });
  return el("span", { class: "choose" }, button, input);
}

/** Let files be dropped on `zone`; it carries the class `dropping` while they hover over it. */
export function acceptDrops(zone, take) {
  let depth = 0;
  const show = (change) => {
    depth = Math.max(0, change === 0 ? 0 : depth + change);
    zone.classList.toggle("dropping", depth > 0);
  };
  const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");
  zone.addEventListener("dragenter", (event) => carriesFiles(event) && show(1));
  zone.addEventListener("dragleave", (event) => carriesFiles(event) && show(-1));
  zone.addEventListener("dragover", (event) => carriesFiles(event) && event.preventDefault());
  zone.addEventListener("drop", async (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    show(0);
    take(await droppedFiles(event.dataTransfer));
  });
}

async function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (entries.every((entry) => entry.isFile)) return [...transfer.files];
  const nested = await Promise.all(entries.map(filesIn));
  return nested.flat();
}

/** Every LoRA-like file of a dropped folder, however deep; other files are passed over. */
async function filesIn(entry) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return SUFFIX.test(file.name) ? [file] : [];
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
