/** The videos of a batch side by side with their labels, playing in step. */
import { address } from "../../../lora_ui/assets/kit/api.js";
import { el } from "../../../lora_ui/assets/kit/dom.js";

const STATES = {
  queued: "Waiting",
  running: "Generating",
  failed: "Failed",
  cancelled: "Cancelled",
  interrupted: "Interrupted",
};

/** A grid for `job`; `update(job)` brings it up to date without building it anew. */
export function createPartsGrid(job) {
  const cells = new Map(job.parts.map((part) => [part.id, createCell(part, job.task)]));
  const playing = new InStep();
  const play = el("button", { type: "button", class: "button", text: "Pause" });
  play.addEventListener("click", () => {
    play.textContent = playing.toggle() ? "Pause" : "Play";
  });
  const again = el("button", { type: "button", class: "button", text: "Restart" });
  again.addEventListener("click", () => {
    playing.restart();
    play.textContent = "Pause";
  });
  const buttons = el("div", { class: "parts-buttons", hidden: true }, play, again);
  const count = job.parts.length;
  const element = el(
    "div",
    { class: `parts ${count === 2 ? "parts-two" : ""}` },
    el(
      "ul",
      { class: "parts-grid", "aria-label": "Videos of this run" },
      [...cells.values()].map((cell) => cell.element),
    ),
    buttons,
  );
  const update = (now) => {
    for (const part of now.parts) {
      const cell = cells.get(part.id);
      if (cell && showPart(cell, part, now)) playing.add(cell.video);
    }
    buttons.hidden = playing.count === 0;
  };
  update(job);
  return { element, update, stop: () => playing.stop() };
}

function createCell(part, task) {
  const { width, height } = { ...task, ...part.changes };
  const stage = el("div", { class: "part-stage" });
  stage.style.aspectRatio = `${width || 1} / ${height || 1}`;
  const note = el("p", { class: "part-note muted" });
  const element = el(
    "li",
    { class: "part", dataset: { id: part.id } },
    el("p", { class: "part-label", text: part.label, title: part.label }),
    stage,
    note,
  );
  return { element, stage, note, video: null, state: "" };
}

/** True if a video has come. */
function showPart(cell, part, job) {
  if (part.state === "running") drawPreview(cell, job);
  if (cell.state === part.state) return false;
  cell.state = part.state;
  cell.element.dataset.state = part.state;
  cell.note.textContent = STATES[part.state] ?? "";
  if (part.error?.message) cell.note.textContent = part.error.message;
  if (part.state !== "done" || cell.video) return false;
  cell.note.replaceChildren(
    el("a", {
      href: address(`api/results/${part.id}/video`),
      download: `${part.label}.mp4`,
      text: "Save video",
      "aria-label": `Save video: ${part.label}`,
    }),
  );
  cell.video = player(part);
  cell.stage.replaceChildren(cell.video);
  return true;
}

function player(part) {
  const video = el("video", {
    class: "part-video",
    src: address(`api/results/${part.id}/video`),
    poster: address(`api/results/${part.id}/poster`),
    "aria-label": `Video: ${part.label}`,
    loop: true,
    playsinline: true,
    preload: "auto",
  });
  video.muted = true;
  return video;
}

function drawPreview(cell, job) {
  const version = job.progress?.preview_version ?? 0;
  if (version === 0 || cell.stage.dataset.preview === String(version)) return;
  cell.stage.dataset.preview = String(version);
  const image =
    cell.stage.querySelector("img") ?? el("img", { class: "part-video", alt: "Preview" });
  image.src = address(`api/jobs/${job.id}/preview`, { v: version });
  if (!image.isConnected) cell.stage.replaceChildren(image);
}

/** Videos of the same length that show the same moment; the first leads. */
class InStep {
  #videos = [];
  #timer = 0;
  #playing = true;

  get count() {
    return this.#videos.length;
  }

  add(video) {
    this.#videos.push(video);
    video.addEventListener("loadeddata", () => this.#join(video), { once: true });
  }

  toggle() {
    this.#playing = !this.#playing;
    for (const video of this.#videos) this.#playing ? start(video) : video.pause();
    if (this.#playing) this.#follow();
    return this.#playing;
  }

  restart() {
    this.#playing = true;
    for (const video of this.#videos) {
      video.currentTime = 0;
      start(video);
    }
    this.#follow();
  }

  stop() {
    cancelAnimationFrame(this.#timer);
    for (const video of this.#videos) video.removeAttribute("src");
    this.#videos = [];
  }

  #join(video) {
    const [leader] = this.#videos;
    if (video !== leader && leader.readyState > 0) video.currentTime = leader.currentTime;
    if (this.#playing) start(video);
    this.#follow();
  }

  #follow() {
    cancelAnimationFrame(this.#timer);
    if (!this.#playing || this.#videos.length === 0) return;
    const [leader, ...others] = this.#videos;
    for (const video of others) {
      const apart = Math.abs(video.currentTime - leader.currentTime);
      const around = Math.min(apart, Math.abs((leader.duration || 0) - apart));
      if (around > 0.08 && !video.seeking) video.currentTime = leader.currentTime;
    }
    this.#timer = requestAnimationFrame(() => this.#follow());
  }
}

function start(video) {
  // A browser that lets nothing play by itself leaves the poster.
  video.play().catch(() => {});
}
