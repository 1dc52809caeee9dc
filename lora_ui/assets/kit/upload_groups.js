/** Which of the files that were chosen together belong to one LoRA. */

import { MB } from "./format.js";

const LORA = /\.(safetensors|sft|pt|pth|ckpt|bin)$/i;
const ARCHIVE = /\.zip$/i; // of LoRAs with what is beside them; the server opens it
const CONFIG = "adapter_config.json"; // says how the one LoRA in its folder is read
const SHOWS = ["png", "jpg", "jpeg", "webp", "gif", "avif", "mp4", "webm"];
const TELLS = [
  "json",
  "txt",
  "civitai.info",
  "cm-info.json",
  "swarm.json",
  "metadata.json",
  "rgthree-info.json",
  "description.txt",
  "sha256",
];
const PLAIN = [
  ...TELLS.map((ending) => `.${ending}`),
  ...SHOWS.flatMap((ending) => [`.${ending}`, `.preview.${ending}`, `.thumb.${ending}`]),
];
const ENDINGS = new Set(
  PLAIN.flatMap((ending) => [ending, `.safetensors${ending}`, `.sft${ending}`]),
);
const SETTINGS = /\.(mp4|m4v|webm|json|txt|png|jpe?g|webp|gif|avif)$/i;
const HALF = /[-_. ]?(high|low|[hl](?![a-z]))([-_. ]?noise)?$/i;
const LARGEST = 200 * MB; // the server takes no larger file beside a LoRA

/** What the file chooser offers. */
export const ACCEPTED = [
  ".safetensors",
  ".sft",
  ".zip",
  ".info",
  ...[...SHOWS, "json", "txt"].map((e) => `.${e}`),
];

export function stemOf(filename) {
  return filename.replace(LORA, "");
}

export function isArchive({ name }) {
  return ARCHIVE.test(name);
}

/** Whether a file may hold the settings that a video was made with. */
export function mayCarrySettings({ name }) {
  return SETTINGS.test(name);
}

/**
 * The LoRAs and archives among `files` with what goes beside each, `{file, folder, beside}`, and the files that
 * are `left`. `folderOf(file)` is the folder that it was dropped in, "" for none.
 */
export function bundled(files, folderOf) {
  const loras = [];
  const left = [];
  for (const [folder, here] of byFolder(files, folderOf)) {
    const found = here
      .filter((file) => LORA.test(file.name))
      .map((file) => ({ file, folder, beside: [] }));
    loras.push(...here.filter(isArchive).map((file) => ({ file, folder, beside: [] })));
    for (const file of here.filter(({ name }) => !LORA.test(name) && !ARCHIVE.test(name))) {
      const owner = file.size <= LARGEST && ownerOf(file.name, found);
      (owner?.beside ?? left).push(file);
    }
    loras.push(...found);
  }
  return { loras, left };
}

function byFolder(files, folderOf) {
  const found = new Map();
  for (const file of files) {
    const folder = folderOf(file);
    found.set(folder, [...(found.get(folder) ?? []), file]);
  }
  return found;
}

/**
 * `a.preview.png` belongs to `a.preview.safetensors` rather than to `a`, if both are there, and
 * `a.png` to the first half of a pair that is `a` but for its words for high and low.
 */
function ownerOf(name, loras) {
  if (name === CONFIG) return loras.length === 1 ? loras[0] : null;
  const owned = ({ file }) => {
    const stem = stemOf(file.name);
    return name.startsWith(stem) && ENDINGS.has(name.slice(stem.length).toLowerCase());
  };
  const owners = loras.filter(owned).sort((a, b) => b.file.name.length - a.file.name.length);
  return owners[0] ?? loras.find(({ file }) => isHalfOf(stemOf(file.name), name)) ?? null;
}

function isHalfOf(stem, name) {
  const word = stem.match(HALF);
  if (!word) return false;
  const common = stem.slice(0, word.index);
  return name.startsWith(common) && ENDINGS.has(name.slice(common.length).toLowerCase());
}
