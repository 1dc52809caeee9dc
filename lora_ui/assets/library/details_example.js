/** The clip beside a LoRA: what the card plays, with the prompt and the seed that made it. */
import { address } from "../kit/api.js";
import { el } from "../kit/dom.js";
import { putInFrame } from "../kit/sharp.js";
import * as library from "../model/library_api.js";
import { titleOf } from "../model/lora_text.js";
import { say } from "../texts/say.js";
import { saidOf } from "./details_uses.js";

/** The section; null where there is no clip. */
export function exampleSection(record) {
  if (!record.has_video) return null;
  const { name, thumbnail_version: v } = record;
  const said = el("p", { class: "muted details-text" });
  const poster = address("api/loras/thumbnail", { name, v });
  const video = el("video", {
    class: "details-clip",
    src: address("api/loras/video", { name, v }),
    poster,
    "aria-label": say("details.exampleOf", { title: titleOf(record) }),
    controls: true,
    loop: true,
    playsinline: true,
    preload: "metadata",
  });
  video.muted = true;
  const frame = el("div", { class: "details-frame frame" });
  putInFrame(frame, video, poster);
  describe(name, said);
  return el(
    "section",
    { class: "details-example" },
    el("h3", { text: say("details.example") }),
    frame,
    said,
  );
}

async function describe(name, said) {
  try {
    const { prompt, seed } = await library.example(name);
    if (prompt) said.textContent = saidOf({ prompt, seed });
  } catch {
    // The clip is gone since; the section goes with the next look at the library.
  }
}
