/** Presets: the model's sizes, and lengths in seconds, beside the numbers that they stand for. */
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { form } from "../../../lora_ui/assets/model/form.js";
import { say } from "../texts/say.js";
import { connectChecks } from "./checks.js";
import { factsOf, setFacts } from "./facts.js";
import { infoMark, markFields, sentenceId } from "./info.js";
import { nearest } from "./rules.js";
import { offerSeeds } from "./seed_dice.js";

const TEXT = {
  size: say("field.size"),
  length: say("field.length"),
  own: say("preset.custom"),
  pixels: (width, height) => say("preset.pixels", { width: String(width), height: String(height) }),
  seconds: (number) => say("preset.seconds", { number }),
};
const SAME_LENGTH = 0.02; // seconds

export function mount({ element, options }) {
  setFacts(options.models);
  const size = choice("size", TEXT.size);
  const length = choice("length", TEXT.length);
  element.classList.add("lora-ui", "size-presets");
  element.replaceChildren(size.row, length.row);
  size.select.addEventListener("change", () => {
    const chosen = factsOf()?.sizes[size.select.value];
    if (chosen) form.change(() => ({ width: chosen.width, height: chosen.height }));
  });
  length.select.addEventListener("change", () => {
    const seconds = Number(length.select.value);
    if (seconds) form.change(({ fps }) => ({ num_frames: framesOf(seconds, fps) }));
  });
  const draw = () => {
    drawSizes(size.select);
    drawLengths(length.select);
    markFields();
    offerSeeds();
  };
  form.addEventListener("form", draw);
  connectChecks(document.getElementById("generate-form"));
  draw();
}

function choice(name, label) {
  const select = el("select", { id: `preset-${name}`, class: "field" });
  select.setAttribute("aria-describedby", sentenceId(name));
  const row = el(
    "div",
    { class: "preset" },
    el("label", { for: select.id, text: label }),
    infoMark(name),
    select,
  );
  return { row, select };
}

function drawSizes(select) {
  const { width, height } = form.values;
  const sizes = factsOf()?.sizes ?? [];
  const now = sizes.findIndex((each) => each.width === width && each.height === height);
  const options = sizes.map(({ label, ...size }, at) => ({
    value: String(at),
    label,
    title: TEXT.pixels(size.width, size.height),
  }));
  fill(select, options, now < 0 ? null : String(now), TEXT.own);
}

function drawLengths(select) {
  const { num_frames: frames, fps } = form.values;
  const seconds = (frames - 1) / fps;
  const offered = factsOf()?.seconds ?? [];
  const now = offered.find((each) => Math.abs(secondsOf(each, fps) - seconds) < SAME_LENGTH);
  const options = offered.map((each) => ({ value: String(each), label: TEXT.seconds(each) }));
  const own = Number.isFinite(seconds) ? TEXT.seconds(Math.round(seconds * 10) / 10) : TEXT.own;
  fill(select, options, now === undefined ? null : String(now), own);
}

/** The frames that come nearest to a length. */
function framesOf(seconds, fps) {
  return nearest(String(seconds * fps + 1), factsOf().limits.num_frames);
}

/** What a length comes to, in whole steps of frames. */
function secondsOf(seconds, fps) {
  return (framesOf(seconds, fps) - 1) / fps;
}

/** The options, and one for what is none of them, while it is so. */
function fill(select, options, value, own) {
  const all = value === null ? [{ value: "", label: own }, ...options] : options;
  const key = JSON.stringify(all);
  if (select.dataset.options !== key) {
    select.dataset.options = key;
    select.replaceChildren(
      ...all.map(({ value: each, label, title }) =>
        el("option", { value: each, text: label, title }),
      ),
    );
  }
  select.value = value ?? "";
}
