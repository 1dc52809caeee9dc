/** One result in a dialog: the video plays, its settings are beside it. */
import { address, request } from "../../../lora_ui/assets/kit/api.js";
import { openDialog } from "../../../lora_ui/assets/kit/dialogs.js";
import { el, icon } from "../../../lora_ui/assets/kit/dom.js";
import { pageAddress } from "../../../lora_ui/assets/kit/page_address.js";
import { putInFrame } from "../../../lora_ui/assets/kit/sharp.js";
import { shortcut } from "../../../lora_ui/assets/kit/shortcuts.js";
import { toastError } from "../../../lora_ui/assets/kit/toasts.js";
import { store } from "../../../lora_ui/assets/model/store.js";
import { showGrid } from "../base/run_events.js";
import { pictureInput } from "../inputs/picture.js";
import { say } from "../texts/say.js";
import { loraReports, remarks, timingText } from "./result.js";
import {
  continueFrom,
  deleteResult,
  markFavourite,
  openFolder,
  reuseResult,
  useAsThumbnail,
} from "./result_actions.js";
import { results } from "./results.js";

const steps = shortcut(say("keys.viewer"), ["ArrowLeft", "ArrowRight"], say("keys.otherVideo"));

/** The viewer that is open. */
const opened = { view: null };

export function closeViewer() {
  opened.view?.dialog.close();
}

/** Show a video; one that the gallery does not list, such as a link's, is asked for. */
export async function openViewer(id) {
  if (opened.view?.id === id && opened.view.dialog.open) return;
  closeViewer();
  let single = null;
  if (!results.items.some((item) => item.id === id)) {
    try {
      single = await request("GET", `api/results/${encodeURIComponent(id)}`);
    } catch (error) {
      toastError(error);
      pageAddress.set({ video: null });
      return;
    }
  }
  const view = {
    id,
    single,
    stage: el("div", { class: "viewer-stage frame" }),
    about: el("div", { class: "viewer-about" }),
    previous: stepButton(say("viewer.newer"), "previous"),
    next: stepButton(say("viewer.older"), "next"),
    dialog: null,
  };
  view.dialog = openDialog(
    say("viewer.title"),
    el("div", { class: "viewer lora-ui" }, view.stage, view.about),
    { className: "dialog-viewer" },
  );
  view.dialog.querySelector(".dialog-head .icon-button").before(view.previous, view.next);
  view.previous.addEventListener("click", () => step(view, -1));
  view.next.addEventListener("click", () => step(view, 1));
  view.dialog.addEventListener("keydown", (event) => {
    if (!steps(event) || event.target.closest("video, input, select")) return;
    event.preventDefault();
    step(view, event.key === "ArrowLeft" ? -1 : 1);
  });
  opened.view = view;
  const left = pageAddress.open("video", id);
  view.dialog.addEventListener("close", () => {
    view.stage.replaceChildren();
    left(view.id);
  });
  show(view);
}

function stepButton(label, glyph) {
  return el(
    "button",
    { type: "button", class: "icon-button", "aria-label": label, title: label },
    icon(glyph),
  );
}

function shown(view) {
  return results.items.findIndex((item) => item.id === view.id);
}

function step(view, by) {
  const found = results.items[shown(view) + by];
  if (!found) return;
  view.id = found.id;
  pageAddress.set({ video: found.id });
  show(view);
}

function show(view) {
  const index = shown(view);
  const result = results.items[index] ?? (view.single?.id === view.id ? view.single : null);
  if (!result) {
    pageAddress.set({ video: null });
    view.dialog.close();
    return;
  }
  view.previous.disabled = index <= 0;
  view.next.disabled = index === -1 || index === results.items.length - 1;
  if (index > results.items.length - 5) results.readMore();
  const video = player(result);
  view.stage.style.aspectRatio = `${result.width || 16} / ${result.height || 9}`;
  putInFrame(view.stage, video, address(result.poster_url), result);
  view.about.replaceChildren(...about(view, result, video));
  readDetails(view, result);
}

function player(result) {
  const video = el("video", {
    class: "viewer-video",
    src: address(result.video_url),
    poster: address(result.poster_url),
    "aria-label": say("video.of", { title: result.prompt }),
    controls: true,
    loop: true,
    muted: true,
    autoplay: true,
    playsinline: true,
  });
  video.muted = true;
  return video;
}

function about(view, result, video) {
  return [
    el("p", { class: "viewer-prompt", text: result.prompt || say("viewer.noPrompt") }),
    el("div", { class: "viewer-buttons" }, buttons(view, result, video)),
    el("dl", { class: "facts viewer-facts" }, facts(result)),
    el("div", { class: "viewer-details" }),
  ];
}

function buttons(view, result, video) {
  const close = (done) => done && view.dialog.close();
  const favourite = button(say("result.favourite"), async () => {
    const on = favourite.getAttribute("aria-pressed") !== "true";
    const changed = await markFavourite(result, on);
    if (changed) favourite.setAttribute("aria-pressed", String(changed.favourite));
  });
  favourite.prepend(icon("star"));
  favourite.setAttribute("aria-pressed", String(result.favourite));
  favourite.classList.add("button-favourite");
  const download = el("a", {
    class: "button",
    href: address(`api/results/${result.id}/video`, { download: true }),
    text: say("video.save"),
  });
  const remove = button(say("result.delete"), async ({ detail }) => {
    if (detail > 1) return; // a double click is meant for this video, not also for the next one
    const index = shown(view);
    if (!(await deleteResult(result))) return;
    view.single = null;
    const next = results.items[index] ?? results.items[index - 1];
    view.id = next?.id;
    if (next) pageAddress.set({ video: next.id });
    show(view);
  });
  remove.classList.add("button-danger");
  const still = button(say("viewer.thumbnail"), () => useAsThumbnail(result, stillOf(video)));
  still.disabled = true; // there is no frame yet
  video.addEventListener("loadeddata", () => {
    still.disabled = false;
  });
  return [
    button(say("viewer.reuse"), async () => close(await reuseResult(result)), "button-primary"),
    favourite,
    result.grid && button(say("grid.openOf"), () => leaveFor(view, result.grid)),
    pictureInput.use !== "none" &&
      button(say("viewer.continue"), async () => close(await continueFrom(result))),
    still,
    download,
    button(say("viewer.folder"), () => openFolder(result)),
    remove,
  ];
}

/** The grid takes the viewer's place; Back leads to where it was opened. */
function leaveFor(view, grid) {
  pageAddress.set({ video: null });
  view.dialog.close();
  showGrid(grid);
}

function button(text, act, className = "") {
  const element = el("button", { type: "button", class: `button ${className}`, text });
  element.addEventListener("click", act);
  return element;
}

/** The frame that is shown now, on a canvas. */
function stillOf(video) {
  video.pause();
  const still = el("canvas");
  still.width = video.videoWidth;
  still.height = video.videoHeight;
  still.getContext("2d").drawImage(video, 0, 0);
  return still;
}

function facts(result) {
  const model = store.options.models[result.model_type]?.title ?? result.model_type;
  const size = result.width && `${result.width} × ${result.height}`;
  const frames = result.frames && say("video.frames", { count: result.frames });
  const rate = result.fps && say("viewer.rate", { rate: result.fps });
  return rows([
    [say("viewer.model"), model.replace(/ \(.*\)$/, "")],
    [say("viewer.seed"), result.seed],
    [say("viewer.video"), [size, frames, rate].filter(Boolean).join(", ")],
    [say("viewer.made"), new Date(result.created * 1000).toLocaleString()],
  ]);
}

function rows(entries) {
  return entries
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .flatMap(([term, value]) => [el("dt", { text: term }), el("dd", { text: String(value) })]);
}

/** What only the video itself says comes a moment later. */
async function readDetails(view, result) {
  let found = null;
  try {
    found = await request("GET", `api/results/${encodeURIComponent(result.id)}`);
  } catch (error) {
    if (view.id === result.id) showProblem(view, error);
    return;
  }
  if (view.id !== result.id) return;
  const { task, result: report } = found;
  view.about.querySelector(".viewer-facts").append(
    ...rows([
      [say("viewer.steps"), task.steps],
      [
        say("viewer.guidance"),
        [task.guidance_scale, task.guidance_scale_2].filter((v) => v != null).join(", "),
      ],
      [say("viewer.flowShift"), task.flow_shift],
      [say("viewer.negative"), task.negative_prompt],
      [say("viewer.file"), found.filename],
    ]),
  );
  if (result.source !== "studio") return;
  view.about
    .querySelector(".viewer-details")
    .replaceChildren(
      loraReports(report.loras),
      ...remarks({ ...report, task }),
      el("p", { class: "muted run-timings", text: timings(report) }),
    );
}

function timings(report) {
  return report.timings && report.frames_shape ? timingText(report) : "";
}

function showProblem(view, error) {
  view.about
    .querySelector(".viewer-details")
    .replaceChildren(el("p", { class: "problem", text: error.message }));
}
