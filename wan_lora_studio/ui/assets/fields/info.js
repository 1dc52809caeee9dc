/** Info marks: one sentence for each field, at a mark beside its label. */
import { el, icon } from "../../../lora_ui/assets/kit/dom.js";
import { describe } from "./notes.js";
import { inputOf, placeOf } from "./places.js";

const HOVER_MS = 200;
const EDGE = 8;

/** What the mark is called, and its sentence. */
const ABOUT = {
  model_type: ["Model", "The model that makes the video; it decides which LoRAs fit."],
  prompt: ["Prompt", "What to show and how it moves, in your own words."],
  negative_prompt: ["Negative prompt", "What to keep out of the video."],
  size: ["Size", "A size that the model is made for; the numbers below take any other."],
  length: ["Length", "How long the video plays at its frames per second."],
  width: ["Width", "Width of the video in pixels; wider takes longer and needs more memory."],
  height: ["Height", "Height of the video in pixels; taller takes longer and needs more memory."],
  num_frames: ["Frames", "Pictures in the video; more of them take longer and need more memory."],
  fps: ["Frames/second", "How many frames play in a second; more is faster motion, not more work."],
  steps: ["Steps", "How often the picture is refined; more takes longer and adds detail."],
  guidance_scale: ["Guidance", "How closely the prompt is followed; too much looks harsh."],
  guidance_scale_2: ["Guidance, low", "The same for the low-noise expert, which adds the details."],
  flow_shift: ["Flow shift", "More spends the steps on motion and layout, less on detail."],
  seed: ["Seed", "The same seed and settings make the same video; leave it empty for a new one."],
  videos: ["Videos", "How many videos to make, each with a seed of its own."],
  image: ["Input picture", "The picture that the video starts from."],
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
      "aria-label": `About: ${title}`,
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
  for (const event of ["keydown", "pointerdown", "scroll"]) {
    document.addEventListener(event, pressed, { capture: true, signal });
  }
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
