/** The input picture: choosing it, and how it is cut to the video's size. */

import { address } from "../../../lora_ui/assets/kit/api.js";
import { el, icon } from "../../../lora_ui/assets/kit/dom.js";
import { toastError } from "../../../lora_ui/assets/kit/toasts.js";
import { store } from "../../../lora_ui/assets/model/store.js";
import { infoMark } from "../fields/info.js";
import { say } from "../texts/say.js";
import { pictureInput, takePictureFile } from "./picture.js";

const FITS = [
  ["crop", say("picture.crop"), say("picture.cropHint")],
  ["pad", say("picture.pad"), say("picture.padHint")],
];
const NUDGE = 0.02;
const MOST_ZOOM = 4;

export function mount({ element, options }) {
  pictureInput.models = options.models;
  const view = createView();
  element.classList.add("lora-ui", "box", "picture-panel");
  element.replaceChildren(view.head, view.drop, view.work);
  connect(view);
  const draw = () => show(element, view);
  pictureInput.addEventListener("change", draw);
  store.addEventListener("model", () => {
    pictureInput.setRatio(formRatio() || options.models[store.model]?.ratio);
    draw();
  });
  pictureInput.setRatio(formRatio());
  draw();
}

/** Width through height as the form has them now; 0 while it has none. */
function formRatio() {
  const [width, height] = ["width", "height"].map((name) =>
    Number(document.querySelector(`#field-${name} input`)?.value),
  );
  return width > 0 && height > 0 ? width / height : 0;
}

function createView() {
  const file = el("input", {
    type: "file",
    accept: "image/*",
    class: "visually-hidden",
    id: "picture-file",
    tabindex: "-1",
    "aria-hidden": "true",
  });
  const choose = button(say("picture.choose"));
  const remove = button(say("picture.remove"), "button-quiet");
  const use = el("span", { class: "muted" });
  const back = el("img", { class: "picture-back", alt: "" });
  const image = el("img", { class: "picture-image", alt: "", draggable: "false" });
  const frame = el("div", { class: "picture-frame", tabindex: "0", role: "group" }, back, image);
  const fits = FITS.map(([value, text, title]) =>
    el("button", { type: "button", class: "chip", dataset: { fit: value }, text, title }),
  );
  const zoom = el("input", {
    type: "range",
    min: 1,
    max: MOST_ZOOM,
    step: 0.05,
    id: "picture-zoom",
  });
  const zoomRow = el(
    "label",
    { class: "picture-zoom", for: "picture-zoom" },
    say("picture.zoom"),
    zoom,
  );
  const note = el("p", { class: "muted picture-note" });
  const title = el("h2", { class: "section-title", text: say("field.image") });
  return {
    file,
    choose,
    remove,
    use,
    back,
    image,
    frame,
    fits,
    zoom,
    zoomRow,
    note,
    head: el("div", { class: "picture-head" }, title, infoMark("image"), use, remove, choose, file),
    drop: el(
      "button",
      { type: "button", class: "picture-drop" },
      icon("upload"),
      say("picture.drop"),
    ),
    work: el(
      "div",
      { class: "picture-work" },
      frame,
      el("div", { class: "picture-tools" }, fits, zoomRow, note),
    ),
  };
}

function button(text, className = "") {
  return el("button", { type: "button", class: `button ${className}`, text });
}

function connect(view) {
  for (const opener of [view.choose, view.drop]) {
    opener.addEventListener("click", () => view.file.click());
  }
  view.file.addEventListener("change", () => {
    if (view.file.files[0]) takePictureFile(view.file.files[0]).catch(toastError);
    view.file.value = "";
  });
  view.remove.addEventListener("click", () => {
    pictureInput.set(null);
    view.drop.focus();
  });
  for (const fit of view.fits) {
    fit.addEventListener("click", () => pictureInput.change({ fit: fit.dataset.fit }));
  }
  view.zoom.addEventListener("input", () => pictureInput.change({ zoom: Number(view.zoom.value) }));
  connectFrame(view.frame);
}

/** Dragging and the arrow keys move the part that is seen. */
function connectFrame(frame) {
  frame.addEventListener("pointerdown", (event) => {
    if (pictureInput.cut.fit !== "crop") return;
    event.preventDefault();
    frame.focus();
    frame.setPointerCapture(event.pointerId);
  });
  frame.addEventListener("pointermove", (event) => {
    if (!frame.hasPointerCapture(event.pointerId)) return;
    const box = pictureInput.box();
    move(
      (-event.movementX / frame.clientWidth) * box.width,
      (-event.movementY / frame.clientHeight) * box.height,
    );
  });
  frame.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const by = step[event.key];
    if (!by || pictureInput.cut.fit !== "crop") return;
    event.preventDefault();
    move(by[0] * NUDGE, by[1] * NUDGE);
  });
}

/** From the middle of what is seen, so that nothing happens at a rim but the stop. */
function move(dx, dy) {
  const { x, y, width, height } = pictureInput.box();
  pictureInput.change({ x: x + width / 2 + dx, y: y + height / 2 + dy });
}

function show(element, view) {
  const { use, picture, cut, ratio } = pictureInput;
  element.closest(".script-panel").classList.toggle("hidden-panel", use === "none");
  element.hidden = use === "none";
  if (use === "none") return;
  view.use.textContent = use === "required" ? say("picture.needed") : say("picture.optional");
  view.drop.hidden = picture !== null;
  view.work.hidden = picture === null;
  view.remove.hidden = picture === null;
  view.choose.hidden = picture === null;
  view.choose.textContent = say("picture.another");
  if (picture === null) return;
  const src = address(`api/pictures/${picture.id}`);
  for (const image of [view.image, view.back]) if (image.src !== src) image.src = src;
  view.frame.style.aspectRatio = String(ratio);
  view.frame.style.setProperty("--ratio", String(ratio));
  view.frame.dataset.fit = cut.fit;
  placeImage(view.image, cut.fit);
  for (const fit of view.fits) {
    fit.setAttribute("aria-pressed", String(fit.dataset.fit === cut.fit));
  }
  view.zoom.value = cut.zoom;
  view.zoomRow.hidden = cut.fit !== "crop";
  view.note.textContent = noteText(picture, cut);
  view.frame.setAttribute("aria-label", say("picture.label", { note: view.note.textContent }));
}

function placeImage(image, fit) {
  if (fit === "pad") {
    image.removeAttribute("style");
    return;
  }
  const { x, y, width, height } = pictureInput.box();
  Object.assign(image.style, {
    width: `${100 / width}%`,
    height: `${100 / height}%`,
    left: `${(-100 * x) / width}%`,
    top: `${(-100 * y) / height}%`,
  });
}

function noteText({ width, height }, { fit }) {
  const size = { width: String(width), height: String(height) };
  return fit === "crop" ? say("picture.sizeMovable", size) : say("picture.size", size);
}
