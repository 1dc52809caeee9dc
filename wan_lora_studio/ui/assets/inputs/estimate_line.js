/** Before Generate: whether the run will fit into memory, and which change makes it fit. */
import { request } from "../../../lora_ui/assets/kit/api.js";
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { bytes } from "../../../lora_ui/assets/kit/format.js";
import { form } from "../../../lora_ui/assets/model/form.js";
import { store } from "../../../lora_ui/assets/model/store.js";
import { say } from "../texts/say.js";

const SETTLED_MS = 500;
const SHOWN = 3;
const DECISIVE = ["model_type", "width", "height", "num_frames"];

/** A box that is there only while something will not fit. */
export function createEstimateLine() {
  const box = el("div", { class: "estimate", role: "status", hidden: true });
  let timer = 0;
  let asked = "";
  let turn = 0;
  const ask = async (task) => {
    const mine = ++turn;
    let found = null;
    try {
      found = await request("POST", "api/jobs/estimate", { body: { task } });
    } catch {
      asked = ""; // Generate tells what is wrong; the next change asks again
    }
    if (mine === turn) draw(box, found);
  };
  const changed = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const task = wanted();
      const key = JSON.stringify([task, store.worker?.state, store.worker?.model]);
      if (!task.model_type || key === asked) return;
      asked = key;
      ask(task);
    }, SETTLED_MS);
  };
  form.addEventListener("form", changed);
  for (const event of ["selection", "worker"]) store.addEventListener(event, changed);
  changed();
  return box;
}

function wanted() {
  const sizes = Object.fromEntries(DECISIVE.map((name) => [name, form.values[name] ?? null]));
  return { ...sizes, selected_loras: store.selected() };
}

function draw(box, found) {
  box.hidden = !found?.known || found.fits;
  if (box.hidden) {
    box.replaceChildren();
    return;
  }
  const said = say("estimate.needs", {
    needed: bytes(found.needed),
    free: bytes(found.available),
  });
  const changes = found.changes.slice(0, SHOWN);
  box.replaceChildren(
    el("p", { text: said }),
    el(
      "ul",
      { "aria-label": say("estimate.help") },
      changes.map(({ words, fits }) =>
        el("li", { text: fits ? say("estimate.fits", { change: words }) : words }),
      ),
    ),
  );
}
