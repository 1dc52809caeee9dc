/** What can be done to a result. Each says how it went. */
import { request, send } from "../../../lora_ui/assets/kit/api.js";
import { openDialog } from "../../../lora_ui/assets/kit/dialogs.js";
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { toast, toastError } from "../../../lora_ui/assets/kit/toasts.js";
import { titleFor } from "../../../lora_ui/assets/model/lora_text.js";
import { store } from "../../../lora_ui/assets/model/store.js";
import { openTab } from "../base/tabs.js";
import { offerPicture } from "../inputs/picture.js";
import { restore } from "../inputs/result_settings.js";
import { say } from "../texts/say.js";
import { results } from "./results.js";

function path(result, action = "") {
  return `api/results/${encodeURIComponent(result.id)}${action}`;
}

/** Run `work`; what it raises is shown. Gives null then. */
async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    toastError(error);
    return null;
  }
}

export async function markFavourite(result, favourite) {
  const changed = await attempt(() => request("PATCH", path(result), { body: { favourite } }));
  if (changed) results.take(changed);
  return changed;
}

export async function deleteResult(result) {
  const done = await attempt(() => request("DELETE", path(result)));
  if (!done) return false;
  results.drop(result.id);
  toast(say("result.deleted"), {
    action: { label: say("result.undo"), run: () => undoDelete(result) },
  });
  return true;
}

/** Delete several; one Undo brings all of them back. */
export async function deleteResults(chosen) {
  const gone = [];
  for (const result of chosen) {
    if (!(await attempt(() => request("DELETE", path(result))))) continue;
    gone.push(result);
    results.drop(result.id);
  }
  if (gone.length === 0) return;
  toast(say("result.deletedMany", { count: gone.length }), {
    action: {
      label: say("result.undo"),
      run: async () => {
        const back = [];
        for (const result of gone) {
          if (await attempt(() => request("POST", path(result, "/undo")))) back.push(result);
        }
        await results.reread();
        if (back.length > 0) toast(say("result.restoredMany", { count: back.length }));
      },
    },
  });
}

async function undoDelete(result) {
  const back = await attempt(() => request("POST", path(result, "/undo")));
  if (!back) return;
  await results.reread();
  toast(say("result.back"));
}

export async function reuseResult(result) {
  const settings = await attempt(() => request("GET", path(result, "/settings")));
  if (settings) restore(settings);
  return Boolean(settings);
}

/** Make the last frame the next video's input picture. */
export async function continueFrom(result) {
  const picture = await attempt(() => request("POST", path(result, "/last-frame")));
  if (!picture) return false;
  openTab("generate");
  offerPicture(picture);
  return true;
}

export async function openFolder(result) {
  const answer = await attempt(() => request("POST", path(result, "/open")));
  if (!answer || answer.opened) return;
  const field = el("input", { class: "field", readonly: true, "aria-label": say("result.path") });
  field.value = answer.path;
  openDialog(say("result.where"), [
    el("p", {
      class: "muted",
      text: say("result.noFolder"),
    }),
    field,
  ]);
  field.select();
}

/** Make a frame the picture of a LoRA; those of the result are offered first. */
export function useAsThumbnail(result, frame) {
  const own = result.loras.filter((name) => store.byName.has(name));
  const others = [...store.byName.keys()].filter((name) => !own.includes(name));
  const select = el(
    "select",
    { class: "field", "aria-label": say("result.lora") },
    [...own, ...others].map((name) => el("option", { value: name, text: titleFor(name) })),
  );
  const save = el("button", {
    type: "button",
    class: "button button-primary",
    text: say("thumbnail.use"),
  });
  save.disabled = select.options.length === 0;
  const picture = el("canvas", { class: "thumbnail-preview" });
  const dialog = openDialog(
    say("thumbnail.title"),
    [picture, el("label", { class: "thumbnail-lora" }, say("thumbnail.becomes"), select)],
    { buttons: [save] },
  );
  picture.width = frame.width;
  picture.height = frame.height;
  picture.getContext("2d").drawImage(frame, 0, 0);
  save.addEventListener("click", async () => {
    save.disabled = true;
    if (await attempt(() => putThumbnail(select.value, picture))) {
      dialog.close();
      await store.refresh();
      toast(say("thumbnail.new", { title: titleFor(select.value) }));
    }
    save.disabled = false;
  });
}

async function putThumbnail(name, canvas) {
  const body = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  return send("api/loras/thumbnail", body, { name });
}
