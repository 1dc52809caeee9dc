/** The LoRA tab: upload, the library's grid, the selected stack. */
import { deleteLora, renameLora } from "./actions.js";
import { showDetails } from "./details.js";
import { delegate, el } from "./dom.js";
import { acceptDrops, chooseButton } from "./drop_zone.js";
import { createGrid } from "./grid.js";
import { createStack } from "./stack.js";
import { store } from "./store.js";
import { createSummaryLine } from "./summary_line.js";
import { uploadFiles } from "./uploads.js";

const ACTIONS = {
  pick: (name) => store.toggle(name),
  details: showDetails,
  rename: renameLora,
  delete: deleteLora,
};

export function mount({ element, options }) {
  const uploads = el("ul", { class: "uploads", "aria-label": "Uploads" });
  const take = (files) => uploadFiles(files, uploads);
  const grid = createGrid();
  grid.querySelector(".grid-tools").prepend(chooseButton(take));
  grid.querySelector(".cards").before(uploads);
  delegate(grid, "click", (target) => {
    const name = target.closest(".card")?.dataset.name;
    if (name !== undefined) ACTIONS[target.dataset.action]?.(name);
  });
  element.classList.add("lora-ui", "lora-tab");
  element.replaceChildren(
    grid,
    el(
      "aside",
      { class: "tab-stack", "aria-label": "Selection" },
      el("h2", { class: "section-title", text: "Selected" }),
      createStack("Click a card to select it."),
      createSummaryLine(),
    ),
    el(
      "div",
      { class: "drop-note", "aria-hidden": "true" },
      el("p", { text: "Drop the files to upload them" }),
    ),
  );
  acceptDrops(element, take);
  store.start(options);
}
