/** Taking over the settings of a video or picture: the form, the LoRAs, the input picture. */
import { send } from "../../../lora_ui/assets/kit/api.js";
import { openDialog } from "../../../lora_ui/assets/kit/dialogs.js";
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { toast } from "../../../lora_ui/assets/kit/toasts.js";
import { store } from "../../../lora_ui/assets/model/store.js";
import { reuseFields } from "../base/run_events.js";
import { openTab } from "../base/tabs.js";
import { say } from "../texts/say.js";
import { offerPicture } from "./picture.js";

const SHORT_HASH = 10;
const HASHES = {
  both: say("restore.autov2"),
  high: say("restore.autov2High"),
  low: say("restore.autov2Low"),
};

/** Read the settings out of a file and take them over. */
export async function restoreFromFile(file) {
  try {
    restore(await settingsOf(file));
  } catch (error) {
    toast(`${file.name}: ${error.message}`, { kind: "error", details: error.suggestions ?? [] });
  }
}

/** The settings in a file, or in a text. Raises ApiError where there are none. */
export function settingsOf(file) {
  return send("api/results/read", file);
}

/** `settings` as the server restored them from a video. */
export function restore(settings) {
  openTab("generate");
  reuseFields(settings.fields);
  store.replace(settings.selected_loras);
  store.awaited = settings.missing;
  if (settings.picture) offerPicture(settings.picture);
  const { missing, notes } = settings;
  if (missing.length > 0 || notes.length > 0) showLeftOver(settings);
  else toast([...whatOf(settings), restoredText(settings)].join(" "));
}

/** What the file is, if it is of another program. */
function whatOf({ source, what }) {
  return source === "studio" ? [] : [`${what}.`];
}

function restoredText({ found: { length: count }, missing, notes }) {
  const isWhole = missing.length === 0 && notes.length === 0;
  if (count === 0) return isWhole ? say("restore.all") : say("restore.others");
  return isWhole ? say("restore.allWith", { count }) : say("restore.othersWith", { count });
}

function showLeftOver(settings) {
  const { missing, notes } = settings;
  openDialog(
    missing.length > 0 ? say("restore.titleMissing") : say("restore.titleDifferent"),
    [
      el("p", {
        text: [...whatOf(settings), restoredText(settings)].join(" "),
      }),
      missing.length > 0 && [
        el("h3", { class: "left-over-title", text: say("restore.lacking") }),
        el("ul", { class: "left-over" }, missing.map(missingLora)),
        el("p", { class: "muted", text: say("restore.whatToDo") }),
      ],
      notes.length > 0 && el("ul", { class: "left-over-notes" }, notes.map(note)),
    ].flat(),
    { className: "dialog-left-over" },
  );
}

function missingLora({ name, sha256, hashes }) {
  const whole = Object.entries(sha256);
  const short = hashes.filter((hash) => !whole.some(([, sha]) => sha.startsWith(hash)));
  return el(
    "li",
    {},
    el("strong", { text: name }),
    whole.length + short.length === 0 &&
      el("span", { class: "muted", text: say("restore.noHash") }),
    short.map(shortHash),
    whole.map(([role, hash]) =>
      el(
        "span",
        { class: "left-over-hash" },
        el("span", {
          class: "muted",
          text: HASHES[role],
        }),
        el("code", { text: hash.slice(0, SHORT_HASH).toUpperCase() }),
        el("code", { class: "muted left-over-sha", text: hash }),
      ),
    ),
  );
}

/** Of ten digits it is AutoV2, of twelve AutoV3; a whole one is a SHA256. */
function shortHash(hash) {
  const kind =
    { 10: say("restore.autov2"), 12: say("restore.autov3") }[hash.length] ?? say("restore.sha256");
  const shown = hash.length > 12 ? hash : hash.toUpperCase();
  return el(
    "span",
    { class: "left-over-hash" },
    el("span", { class: "muted", text: kind }),
    el("code", { class: hash.length > 12 ? "left-over-sha" : "", text: shown }),
  );
}

function note(text) {
  return el("li", { text });
}
