/**
 * The opening: one seed without and with a LoRA, until there is a video of one's own.
 *
 * It comes once the library and the queue are known, into room that nothing else has.
 */
import { request } from "../../../lora_ui/assets/kit/api.js";
import { actionButton, el } from "../../../lora_ui/assets/kit/dom.js";
import { toast } from "../../../lora_ui/assets/kit/toasts.js";
import { form } from "../../../lora_ui/assets/model/form.js";
import { titleFor, usable } from "../../../lora_ui/assets/model/lora_text.js";
import { store } from "../../../lora_ui/assets/model/store.js";
import { poll } from "../base/poll.js";
import { createComparison } from "../results/comparison.js";
import { say } from "../texts/say.js";

const KEPT = "studio-opening";
const OVER = "over";

const shown = { undecided: false };

/** Whether it is known if the opening is shown, so that nothing has to make room for it later. */
export function isDecided() {
  return !shown.undecided;
}

/** `example` is what the page was told, or null; `redraw` is called when `element` is another. */
export function createOpening(example, redraw) {
  const view = { example, redraw, comparison: null, element: null, known: false };
  if (!example || localStorage.getItem(KEPT) === OVER) return view;
  shown.undecided = true;
  const update = () => show(view);
  poll.addEventListener("status", update);
  for (const event of ["library", "model"]) store.addEventListener(event, update);
  look(view);
  return view;
}

/** Videos of one's own may be older than the queue tells. */
async function look(view) {
  try {
    await store.known();
    const { total } = await request("GET", "api/results", { params: { limit: 1 } });
    if (total > 0) end(view);
    view.known = true;
    show(view);
  } catch {
    shown.undecided = false; // without an answer the page opens as it does for everybody else
  }
}

/** For good. */
function end(view) {
  localStorage.setItem(KEPT, OVER);
  show(view);
}

function show(view) {
  if (poll.status?.job?.state === "done" && localStorage.getItem(KEPT) !== OVER) end(view);
  if (view.known && poll.status !== null) shown.undecided = false;
  const there = isWanted(view);
  if (there === (view.element !== null)) return;
  if (there) {
    view.element = build(view);
  } else {
    view.comparison.stop();
    view.element = null;
  }
  view.redraw();
}

function isWanted({ example, known }) {
  return (
    known &&
    localStorage.getItem(KEPT) !== OVER &&
    poll.status !== null &&
    poll.status.job === null &&
    store.model === example.model &&
    Object.keys(example.selected_loras).every((name) => usable(store.byName.get(name)))
  );
}

function build(view) {
  const { prompt, seed, selected_loras: loras, width, height, frames, fps } = view.example;
  const title = Object.keys(loras).map(titleFor).join(", ");
  const side = (which, label, selected) => ({
    label,
    prompt,
    seed,
    selected_loras: selected,
    video_url: `api/opening/${which}`,
    width,
    height,
    frames,
    fps,
  });
  view.comparison = createComparison(
    [
      side("without", say("opening.without", { title }), {}),
      side("with", say("opening.with", { title }), loras),
    ],
    { brief: true },
  );
  const make = el("button", {
    type: "button",
    class: "button button-primary",
    text: say("opening.make"),
  });
  make.addEventListener("click", () => makeExample(view.example));
  const dismiss = actionButton("dismiss", say("opening.dismiss"), "close", {
    class: "icon-button",
  });
  dismiss.addEventListener("click", () => end(view));
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) view.comparison.start();
  return el(
    "section",
    { class: "opening", "aria-label": say("opening.title") },
    el("div", { class: "opening-head" }, el("h3", { text: say("opening.title") }), dismiss),
    el("p", { class: "muted", text: say("opening.facts", { prompt, seed: String(seed) }) }),
    view.comparison.element,
    el(
      "div",
      { class: "opening-foot" },
      el("p", { class: "muted", text: say("opening.demonstration") }),
      make,
    ),
  );
}

/** Form and stack hold the example from now on; what they held before comes back by Undo. */
function makeExample({ prompt, seed, selected_loras: loras }) {
  const restore = store.stack.restorer();
  const others = Object.keys(store.selected()).some((name) => !(name in loras));
  store.replace(loras);
  form.change((values) => {
    const before = { prompt: values.prompt, seed: values.seed };
    if (others || (before.prompt && before.prompt !== prompt)) offerUndo(restore, before);
    return { prompt, seed: String(seed) };
  });
  form.ask("make", (fields) => ({ ...fields, selected_loras: store.selected() }));
}

function offerUndo(restore, before) {
  const run = () => {
    restore();
    form.change(() => before);
  };
  toast(say("opening.replaced"), { action: { label: say("result.undo"), run } });
}
