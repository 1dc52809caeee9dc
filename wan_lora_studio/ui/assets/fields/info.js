/** Info marks: one sentence for each field, at a mark beside its label. */
import { el, icon } from "../../../lora_ui/assets/kit/dom.js";
import { say } from "../texts/say.js";
import { describe } from "./notes.js";
import { inputOf, placeOf } from "./places.js";

const HOVER_MS = 200;
const EDGE = 8;

/** What the mark is called, and its sentence. */
const ABOUT = {
  model_type: [say("field.model"), say("about.model")],
  prompt: [say("field.prompt"), say("about.prompt")],
  negative_prompt: [say("field.negative"), say("about.negative")],
  size: [say("field.size"), say("about.size")],
  length: [say("field.length"), say("about.length")],
  width: [say("field.width"), say("about.width")],
  height: [say("field.height"), say("about.height")],
  num_frames: [say("field.frames"), say("about.frames")],
  fps: [say("field.fps"), say("about.fps")],
  steps: [say("field.steps"), say("about.steps")],
  guidance_scale: [say("field.guidance"), say("about.guidance")],
  guidance_scale_2: [say("field.guidanceLow"), say("about.guidanceLow")],
  flow_shift: [say("field.flowShift"), say("about.flowShift")],
  seed: [say("field.seed"), say("about.seed")],
  videos: [say("field.videos"), say("about.videos")],
  image: [say("field.image"), say("about.image")],
};

/** Of parts that are ours, which set their marks themselves. */
const OWN = new Set(["size", "length", "videos", "image"]);

/** Give Gradio's fields that are on the page their marks; those that have one keep it. */
export function markFields() {
  for (const name of Object.keys(ABOUT)) {
    const place = placeOf(name);
    if (OWN.has(name) || !place || document.querySelector(`[data-about="${name}"]`)) continue;
    place.append(infoMark(name));
    const input = inputOf(name);
    if (input) describe(input, sentenceId(name));
  }
  markVideos();
}

/** How many videos is asked beside Generate, and is no field of a task. */
function markVideos() {
  const input = document.getElementById("video-count");
  const label = input?.labels[0];
  if (!label || document.querySelector('[data-about="videos"]')) return;
  label.after(infoMark("videos"));
  describe(input, sentenceId("videos"));
}

/** A mark with its sentence, which screen readers read. */
export function infoMark(name) {
  const [title, text] = ABOUT[name];
  const sentence = el("span", { class: "visually-hidden", id: sentenceId(name), text });
  const mark = el(
    "button",
    {
      type: "button",
      class: "info-mark",
      "aria-label": say("about.label", { title }),
      "aria-describedby": sentence.id,
      "aria-expanded": "false",
      dataset: { about: name },
    },
    icon("info"),
  );
  connect(mark, text);
  return el("span", { class: "lora-ui info" }, mark, sentence);
}

/** Of the element that says what a field is for. */
export function sentenceId(name) {
  return `about-${name}`;
}

function connect(mark, text) {
  let close = null;
  let timer = 0;
  const hide = () => {
    clearTimeout(timer);
    close?.();
    close = null;
  };
  const show = () => {
    if (close === null) close = open(mark, text, hide);
  };
  mark.addEventListener("click", (event) => {
    event.preventDefault(); // a label around it would take the focus
    clearTimeout(timer);
    if (mark.getAttribute("aria-expanded") === "true" && !mark.dataset.hovered) hide();
    else show();
    delete mark.dataset.hovered;
  });
  mark.addEventListener("pointerenter", ({ pointerType }) => {
    if (pointerType !== "mouse") return;
    timer = setTimeout(() => {
      mark.dataset.hovered = "true";
      show();
    }, HOVER_MS);
  });
  mark.addEventListener("pointerleave", ({ pointerType }) => {
    if (pointerType !== "mouse") return;
    delete mark.dataset.hovered;
    hide();
  });
  mark.addEventListener("blur", hide);
}

/** Show the text at the mark; gives what takes it away again. */
function open(mark, text, hide) {
  const tip = el("div", { class: "lora-popover info-tip", popover: "manual", text });
  (mark.closest("dialog") ?? document.body).append(tip);
  tip.showPopover();
  place(tip, mark.getBoundingClientRect());
  mark.setAttribute("aria-expanded", "true");
  const gone = new AbortController();
  const { signal } = gone;
  const pressed = (event) => {
    if (event.type === "keydown" && event.key !== "Escape") return;
    if (event.type === "pointerdown" && mark.contains(event.target)) return;
    hide();
  };
  const follow = () => {
    const anchor = mark.getBoundingClientRect();
    if (anchor.bottom < 0 || anchor.top > innerHeight) hide();
    else place(tip, anchor);
  };
  for (const event of ["keydown", "pointerdown"]) {
    document.addEventListener(event, pressed, { capture: true, signal });
  }
  document.addEventListener("scroll", follow, { capture: true, signal });
  return () => {
    gone.abort();
    tip.remove();
    mark.setAttribute("aria-expanded", "false");
  };
}

/** Below the mark, or above where there is no room; never outside the window. */
function place(tip, anchor) {
  const { offsetWidth: width, offsetHeight: height } = tip;
  const fits = innerHeight - anchor.bottom >= height + EDGE;
  const left = Math.min(anchor.left, innerWidth - width - EDGE);
  tip.style.left = `${Math.max(EDGE, left)}px`;
  tip.style.top = `${fits ? anchor.bottom + 4 : anchor.top - height - 4}px`;
}
