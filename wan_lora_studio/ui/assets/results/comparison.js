/**
 * Two videos in step, side by side or as a wipe: the same frame number at every moment.
 *
 * While playing, the first leads at its own speed and the second follows; as soon as they are
 * more than half a frame apart the second is set right. Both are muted.
 */
import { address } from "../../../lora_ui/assets/kit/api.js";
import { el, icon } from "../../../lora_ui/assets/kit/dom.js";
import { tellSize } from "../../../lora_ui/assets/kit/sharp.js";
import { shortcut } from "../../../lora_ui/assets/kit/shortcuts.js";
import { titleFor } from "../../../lora_ui/assets/model/lora_text.js";
import { say } from "../texts/say.js";

const GROUP = say("keys.compare");
const KEYS = {
  play: shortcut(GROUP, [" "], say("keys.play")),
  step: shortcut(GROUP, ["ArrowLeft", "ArrowRight"], say("keys.frame")),
};
const USUAL_FPS = 16;

/**
 * `results` are two, each with a `label` if it has a name of its own here. `wipe` has the second
 * lie over the first; `brief` leaves nothing but the labels below them. The element's owner calls `stop` at the end, and passes key presses on to
 * `pressed`.
 */
export function createComparison(results, { wipe = false, brief = false } = {}) {
  const sides = results.map((result) => createSide(result, brief));
  const controls = createControls();
  const line = el("input", {
    type: "range",
    class: "compare-wipe",
    min: 0,
    max: 100,
    step: 1,
    "aria-label": say("compare.line"),
  });
  const stage = el(
    "div",
    { class: "compare-sides" },
    sides.map((side) => side.element),
    line,
  );
  const [{ width, height }] = results;
  stage.style.setProperty("--compare-ratio", String((width || 16) / (height || 9)));
  const moveLine = () => stage.style.setProperty("--compare-wipe", `${line.value}%`);
  const show = (wiped) => {
    stage.classList.toggle("compare-wiped", wiped);
    line.hidden = !wiped;
    controls.wipe.setAttribute("aria-pressed", String(wiped));
  };
  line.value = 50;
  moveLine();
  line.addEventListener("input", moveLine);
  controls.wipe.addEventListener("click", () => show(line.hidden));
  show(wipe);
  const pair = new Pair(sides, controls);
  const element = el("div", { class: "compare lora-ui" }, stage, controls.element);
  tellSize(element, results[0]);
  return {
    element,
    play: controls.play,
    start: () => pair.play(),
    stop: () => pair.stop(),
    pressed: (event) => pair.pressed(event),
  };
}

function createSide(result, brief) {
  const video = el("video", {
    class: "compare-video",
    src: address(result.video_url),
    poster: result.poster_url && address(result.poster_url),
    "aria-label": say("video.of", { title: result.label ?? result.prompt }),
    preload: "auto",
    playsinline: true,
  });
  video.muted = true;
  const facts = [
    result.seed === null ? say("video.noSeed") : say("video.seed", { seed: String(result.seed) }),
    ...loras(result),
  ];
  const element = el(
    "figure",
    { class: "compare-side" },
    video,
    el(
      "figcaption",
      {},
      result.label && el("p", { class: "compare-label", text: result.label }),
      !brief && el("p", { class: "compare-prompt", text: result.prompt, title: result.prompt }),
      !brief && el("p", { class: "muted", text: facts.join(" · ") }),
    ),
  );
  return { result, video, element, fps: result.fps || USUAL_FPS };
}

function loras(result) {
  return Object.entries(result.selected_loras).map(([name, value]) =>
    typeof value === "number" ? `${titleFor(name)} ${value}` : titleFor(name),
  );
}

function createControls() {
  const button = (label, name) =>
    el(
      "button",
      { type: "button", class: "icon-button", "aria-label": label, title: label },
      icon(name),
    );
  const back = button(say("compare.back"), "previous");
  const play = button(say("compare.play"), "play");
  const forth = button(say("compare.on"), "next");
  const scrub = el("input", {
    type: "range",
    min: 0,
    max: 1,
    step: 1,
    "aria-label": say("compare.frame"),
  });
  const frame = el("output", { class: "compare-frame" });
  const wipe = el(
    "button",
    { type: "button", class: "button compare-wiping", title: say("compare.wipeHint") },
    icon("compare"),
    el("span", { text: say("compare.wipe") }),
  );
  const element = el("div", { class: "compare-controls" }, back, play, forth, scrub, frame, wipe);
  return { back, play, forth, scrub, frame, wipe, element };
}

class Pair {
  #sides;
  #controls;
  #timer = 0;
  #frame = 0;
  #playing = false;

  constructor(sides, controls) {
    this.#sides = sides;
    this.#controls = controls;
    controls.play.addEventListener("click", () => (this.#playing ? this.pause() : this.play()));
    controls.back.addEventListener("click", () => this.step(-1));
    controls.forth.addEventListener("click", () => this.step(1));
    controls.scrub.addEventListener("input", () => {
      this.pause();
      this.show(Number(controls.scrub.value));
    });
    for (const { video } of sides) video.addEventListener("loadedmetadata", () => this.#ready());
  }

  /** The frames that both have. */
  get #count() {
    const counts = this.#sides.map(
      ({ result, video, fps }) => Math.round((video.duration || 0) * fps) || result.frames || 1,
    );
    return Math.min(...counts);
  }

  #ready() {
    this.#controls.scrub.max = this.#count - 1;
    if (this.#sides.every(({ video }) => video.readyState >= 1)) this.show(this.#frame);
  }

  /** Show frame `number` on both sides. */
  show(number) {
    this.#frame = Math.min(Math.max(0, number), this.#count - 1);
    for (const side of this.#sides) side.video.currentTime = (this.#frame + 0.5) / side.fps;
    this.#draw();
  }

  step(by) {
    this.pause();
    this.show(this.#frame + by);
  }

  play() {
    if (this.#frame >= this.#count - 1) this.show(0);
    const [leader, follower] = this.#sides;
    follower.video.playbackRate = Math.min(16, Math.max(0.0625, leader.fps / follower.fps));
    this.#playing = true;
    for (const { video } of this.#sides) start(video);
    this.#follow();
    this.#draw();
  }

  pause() {
    if (!this.#playing) return;
    this.#playing = false;
    cancelAnimationFrame(this.#timer);
    for (const { video } of this.#sides) video.pause();
    this.show(this.#leading());
  }

  stop() {
    this.#playing = false;
    cancelAnimationFrame(this.#timer);
    for (const { video } of this.#sides) video.removeAttribute("src");
  }

  pressed(event) {
    const inControl = event.target.closest("button, input");
    if (KEYS.play(event) && !inControl) {
      event.preventDefault();
      this.#controls.play.click();
    } else if (KEYS.step(event) && event.target.type !== "range") {
      event.preventDefault();
      this.step(event.key === "ArrowLeft" ? -1 : 1);
    }
  }

  #leading() {
    const [{ video, fps }] = this.#sides;
    return Math.min(this.#count - 1, Math.floor(video.currentTime * fps + 0.001));
  }

  #follow() {
    if (!this.#playing) return;
    const [leader, follower] = this.#sides;
    this.#frame = this.#leading();
    const wanted = (leader.video.currentTime * leader.fps) / follower.fps;
    const apart = Math.abs(follower.video.currentTime - wanted) * follower.fps;
    if (apart > 0.5 && !follower.video.seeking) follower.video.currentTime = wanted;
    if (leader.video.ended || this.#frame >= this.#count - 1) {
      this.show(0);
      for (const { video } of this.#sides) start(video);
    }
    this.#draw();
    this.#timer = requestAnimationFrame(() => this.#follow());
  }

  #draw() {
    const { play, scrub, frame } = this.#controls;
    const label = this.#playing ? say("compare.pause") : say("compare.play");
    if (play.title !== label) {
      play.title = label;
      play.setAttribute("aria-label", label);
      play.replaceChildren(icon(this.#playing ? "pause" : "play"));
    }
    scrub.value = this.#frame;
    scrub.setAttribute(
      "aria-valuetext",
      say("compare.frameOf", { frame: this.#frame + 1, count: this.#count }),
    );
    frame.textContent = `${this.#frame + 1} / ${this.#count}`;
  }
}

function start(video) {
  // One that is taken off before it begins, or that the browser lets not play, stays as it is.
  video.play().catch(() => {});
}
