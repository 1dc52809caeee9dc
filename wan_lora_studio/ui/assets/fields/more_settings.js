/** More settings: the fields that are seldom used, folded away while they hold the usual values. */
import { el, icon } from "../../../lora_ui/assets/kit/dom.js";
import { form } from "../../../lora_ui/assets/model/form.js";
import { say } from "../texts/say.js";
import { factsOf } from "./facts.js";

const FOLDED = ["guidance_scale_2", "fps", "flow_shift"];
const BODY = "more-settings";

let toggle = null;

export function mount({ element }) {
  toggle = el(
    "button",
    {
      type: "button",
      class: "fold-toggle",
      id: "more-settings-toggle",
      "aria-controls": BODY,
      "aria-expanded": "false",
    },
    el("span", { text: say("form.more") }),
    icon("down"),
  );
  toggle.addEventListener("click", () => unfold(!isOpen()));
  element.classList.add("lora-ui", "fold-head");
  element.replaceChildren(toggle);
  let changed = [];
  let models = []; // the chosen one, and that before it, whose values stand until the new ones come
  const look = () => {
    if (!form.restored) return;
    const { model_type: model } = form.values;
    if (model !== models[0]) models = [model, models[0]];
    const now = FOLDED.filter((name) => isUnusual(name, models));
    if (now.some((name) => !changed.includes(name))) unfold(true);
    changed = now;
  };
  form.addEventListener("form", look);
  look();
}

/** Open it for a field that is in it. */
export function unfoldFor(place) {
  if (place.closest(`#${BODY}`)) unfold(true);
}

function isOpen() {
  return toggle?.getAttribute("aria-expanded") === "true";
}

function unfold(open) {
  toggle?.setAttribute("aria-expanded", String(open));
  document.getElementById(BODY)?.classList.toggle("unfolded", open);
}

function isUnusual(name, models) {
  const value = form.values[name] ?? null;
  const known = models.map((model) => factsOf(model)).filter(Boolean);
  return value !== null && known.length > 0 && known.every(({ usual }) => usual[name] !== value);
}
