/** One cell of a grid: its state or preview while it waits or runs, then the video and its buttons. */
import { address } from "../../../lora_ui/assets/kit/api.js";
import { actionButton, el } from "../../../lora_ui/assets/kit/dom.js";
import { putInFrame, showBehind } from "../../../lora_ui/assets/kit/sharp.js";
import { say } from "../texts/say.js";

const STATES = {
  queued: say("grid.waiting"),
  running: say("grid.running"),
  done: "",
  failed: say("grid.failed"),
  cancelled: say("grid.cancelled"),
  interrupted: say("grid.interrupted"),
};

export class Cell {
  video = null;
  item = null; // the result, once it is known
  state = "";
  #part;
  #stage = el("div", { class: "cell-stage frame" });
  #note = el("p", { class: "cell-note muted" });
  #buttons;

  /** `heading` stands over it where the table does not say what it is. */
  constructor(part, name, ratio, { tag = "li", heading = false } = {}) {
    this.#part = part;
    this.name = name || say("grid.unnamed");
    this.#stage.style.aspectRatio = String(ratio);
    this.#buttons = buttons(this.name);
    this.element = el(
      tag,
      { class: "cell", dataset: { id: part.id } },
      heading && el("p", { class: "cell-label", text: this.name, title: this.name }),
      this.#stage,
      this.#note,
      this.#buttons,
    );
  }

  get id() {
    return this.#part.id;
  }

  /** A done part waits for `take`. */
  update(part, job) {
    if (part.state === "running") this.#preview(job);
    if (this.state === part.state) return;
    this.state = part.state;
    this.element.dataset.state = part.state;
    this.#note.textContent = part.error?.message ?? STATES[part.state] ?? "";
    if (part.state !== "queued") return;
    this.#stage.dataset.preview = ""; // again, after a retry
    this.#stage.replaceChildren();
  }

  /** The result of a done part, and every change of it; null where there is none any more. */
  take(item) {
    if (item === null) {
      this.#note.textContent = say("grid.gone");
      this.element.dataset.state = "gone";
      return;
    }
    this.item = item;
    this.#buttons.hidden = false;
    this.press("favourite", item.favourite);
    if (this.video) return;
    this.video = player(item, this.name);
    putInFrame(this.#stage, this.video, address(item.poster_url), item);
  }

  press(action, on) {
    this.#buttons
      .querySelector(`[data-action="${action}"]`)
      .setAttribute("aria-pressed", String(on));
  }

  #preview(job) {
    const version = job.progress?.preview_version ?? 0;
    if (version === 0 || this.#stage.dataset.preview === String(version)) return;
    this.#stage.dataset.preview = String(version);
    const image =
      this.#stage.querySelector("img") ??
      el("img", { class: "cell-video", alt: say("grid.preview", { name: this.name }) });
    image.src = address(`api/jobs/${job.id}/preview`, { v: version });
    if (image.isConnected) showBehind(this.#stage, image.src);
    else putInFrame(this.#stage, image, image.src);
  }
}

function buttons(name) {
  const pressed = (action, label, glyph) =>
    actionButton(action, label, glyph, { class: "icon-button", "aria-pressed": "false" });
  return el(
    "div",
    { class: "cell-buttons", role: "group", "aria-label": name, hidden: true },
    pressed("favourite", say("grid.favouriteOf", { name }), "star"),
    pressed("compare", say("grid.compareOf", { name }), "compare"),
    actionButton("use", say("grid.useOf", { name }), "reuse", { class: "icon-button" }),
    actionButton("more", say("grid.more", { name }), "more", {
      class: "icon-button",
      "aria-haspopup": "menu",
    }),
  );
}

function player(item, name) {
  const video = el("video", {
    class: "cell-video",
    src: address(item.video_url),
    poster: address(item.poster_url),
    "aria-label": say("grid.videoOf", { name }),
    loop: true,
    playsinline: true,
    preload: "metadata",
  });
  video.muted = true;
  return video;
}
