/** The picture of a card: from a file, from a finished video, or what the library finds itself. */

import { address } from "../kit/api.js";
import { openDialog } from "../kit/dialogs.js";
import { el, icon } from "../kit/dom.js";
import { ownName } from "../kit/kept.js";
import { toast, toastError } from "../kit/toasts.js";
import * as library from "../model/library_api.js";
import { thumbnail, titleOf } from "../model/lora_text.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";
import { saidOf } from "./details_uses.js";

const KINDS = "image/png,image/jpeg,image/webp,image/gif,video/mp4,video/webm";
const SHOWN = 24;

/** Whether the file can become a card's picture. */
export function isPicture(file) {
  return /^(image|video)\//.test(file.type);
}

/** Ask where the picture of a LoRA shall come from. */
export function chooseThumbnail(name) {
  const card = store.byName.get(name);
  if (!card) return;
  const input = el("input", { type: "file", accept: KINDS, hidden: true });
  const choose = button(say("thumbnail.choose"), "upload", () => input.click());
  choose.classList.add("button-primary");
  const automatic = button(say("thumbnail.automatic"), "refresh", () =>
    change(() => takeBack(name)),
  );
  automatic.title = say("thumbnail.automaticHint");
  const videos = el("div", { class: "thumbnail-videos" });
  const dialog = openDialog(
    say("thumbnail.title", { title: titleOf(card) }),
    el(
      "div",
      { class: "thumbnail-choice" },
      thumbnail(card, "details-picture"),
      el(
        "div",
        { class: "thumbnail-ways" },
        el("p", {
          class: "muted",
          text: store.features.results ? say("thumbnail.hintVideos") : say("thumbnail.hint"),
        }),
        el("div", { class: "details-buttons" }, choose, automatic, input),
      ),
      videos,
    ),
    { className: "dialog-thumbnail" },
  );
  dialog.dataset.thumbnailOf = name; // where a dropped file belongs
  dialog.dataset.extension = ownName(""); // and to which library, should a page have two
  const change = async (act) => (await act()) && dialog.close();
  input.addEventListener("change", () => change(() => setThumbnail(name, input.files[0])));
  dialog.addEventListener("drop", () => dialog.close());
  if (store.features.results) {
    list(name, videos, (result) => change(() => fromResult(name, result)));
  }
}

/** Take a picture or a video, whose first frame counts. Says how it went; true if it did. */
export function setThumbnail(name, file) {
  return attempt(name, () => library.setThumbnail(name, file));
}

function fromResult(name, result) {
  return attempt(name, () => library.thumbnailFromResult(name, result.id));
}

async function takeBack(name) {
  try {
    const { ok } = await library.clearThumbnail(name);
    await store.refresh();
    toast(ok ? say("thumbnail.back", { title: called(name) }) : say("thumbnail.noneChosen"));
    return true;
  } catch (error) {
    toastError(error);
    return false;
  }
}

async function attempt(name, act) {
  try {
    await act();
    await store.refresh();
    toast(say("thumbnail.done", { title: called(name) }));
    return true;
  } catch (error) {
    toastError(error);
    return false;
  }
}

function called(name) {
  return titleOf(store.byName.get(name)) || name;
}

/** The finished videos, first those that were made with the LoRA. */
async function list(name, box, take) {
  try {
    const own = (await library.results(name, SHOWN)).results;
    const known = new Set(own.map(({ id }) => id));
    const all = (await library.results("", SHOWN)).results;
    const others = all.filter(({ id }) => !known.has(id));
    box.replaceChildren(
      ...group(say("thumbnail.own"), own, take),
      ...group(own.length > 0 ? say("thumbnail.others") : say("thumbnail.yours"), others, take),
    );
    if (own.length + others.length === 0) {
      box.append(el("p", { class: "muted", text: say("thumbnail.noVideos") }));
    }
  } catch {
    // Without an index of results there is nothing to choose from but files.
  }
}

function group(title, results, take) {
  if (results.length === 0) return [];
  const items = results.map((result) => el("li", {}, choice(result, take)));
  return [el("h3", { text: title }), el("ul", { class: "uses" }, items)];
}

function choice(result, take) {
  const said = saidOf(result);
  const picture = result.poster_url
    ? el("img", { src: address(result.poster_url), alt: "", loading: "lazy" })
    : el("span", { class: "no-thumbnail", text: say("uses.video") });
  const made = el(
    "button",
    { type: "button", class: "thumbnail-video", title: said, "aria-label": said },
    picture,
  );
  made.addEventListener("click", () => take(result));
  return made;
}

function button(text, glyph, act) {
  const made = el("button", { type: "button", class: "button" }, icon(glyph), text);
  made.addEventListener("click", act);
  return made;
}
