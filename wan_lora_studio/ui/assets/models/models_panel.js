/** The models tab: each model with what it takes, and getting, checking and removing it. */
import { confirmDialog } from "../../../lora_ui/assets/kit/dialogs.js";
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { bytes } from "../../../lora_ui/assets/kit/format.js";
import { toastError } from "../../../lora_ui/assets/kit/toasts.js";
import { models } from "../base/models.js";
import { say } from "../texts/say.js";
import { createModelCard } from "./model_card.js";

export function mount({ element }) {
  const free = el("p", { class: "muted", role: "status" });
  const list = el("ul", { class: "models-list", "aria-label": say("models.title") });
  const cards = new Map();
  element.classList.add("lora-ui", "models");
  const leftOut = el("details", { hidden: "" });
  element.replaceChildren(free, list, leftOut);
  const draw = () => {
    free.textContent = models.free === null ? "" : say("models.free", { size: bytes(models.free) });
    showLeftOut(leftOut);
    for (const row of models.rows) {
      if (!cards.has(row.name)) {
        cards.set(
          row.name,
          createModelCard((action) => act(row.name, action)),
        );
        list.append(cards.get(row.name).element);
      }
      cards.get(row.name).update(row);
    }
  };
  models.addEventListener("models", draw);
  models.start();
  new IntersectionObserver(async ([entry]) => {
    if (!entry.isIntersecting) return;
    await models.reread();
    askSizes();
  }).observe(element);
  draw();
}

/** Files of other programs that make no model. They are found when the app starts, so once is enough. */
function showLeftOut(box) {
  if (models.leftOut.length === 0 || !box.hidden) return;
  box.hidden = false;
  box.replaceChildren(
    el("summary", {
      text: say("models.leftOut", { count: models.leftOut.length }),
    }),
    el(
      "ul",
      {},
      models.leftOut.map(({ name, why }) => el("li", { text: `${name}: ${why}.` })),
    ),
    el("p", {
      class: "muted",
      text: say("models.leftOutHint"),
    }),
  );
}

/** What each takes, one after the other. Of those that are not here the hub is asked, and no more
 * once it cannot be reached. */
async function askSizes() {
  const unknown = models.rows.filter(
    (row) => !row.verdict && (row.state === "here" || row.repos.length),
  );
  let silent = false;
  for (const { name, state } of unknown) {
    if (silent && state !== "here") continue;
    try {
      const { problem } = await models.look(name);
      silent ||= ["network", "offline"].includes(problem?.context?.reason);
    } catch {
      return; // the status line says that the server is gone
    }
  }
}

async function act(name, action) {
  const row = models.get(name);
  if (action === "remove" && !(await agreed(row))) return;
  try {
    await models.act(name, action);
  } catch (error) {
    toastError(error);
    await models.reread();
  }
}

function agreed(row) {
  const text = say("models.removeText", { size: bytes(row.size) });
  return confirmDialog(say("models.removeTitle", { title: row.title }), text, say("models.remove"));
}
