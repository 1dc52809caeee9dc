/** The LoRA tab: upload, the library with its actions, the selected stack, the worker. */

import { actionButton, delegate, el } from "./kit/dom.js";
import { acceptFiles, chooseButton } from "./kit/drop_zone.js";
import { openMenu } from "./kit/menu.js";
import { createActionBar } from "./library/action_bar.js";
import { deleteLoras, lookAgain, moveTo, renameLora, starLoras } from "./library/actions.js";
import { openCardMenu } from "./library/card_menu.js";
import { showDetails } from "./library/details.js";
import { dragToFolders } from "./library/drag_to_folder.js";
import { connectionNote, createLibrary } from "./library/grid.js";
import { connectKeys } from "./library/grid_keys.js";
import { isPicture, setThumbnail } from "./library/thumbnails.js";
import { showTrash } from "./library/trash.js";
import { canPreview, previewMissing, tryLora } from "./library/try_lora.js";
import { connectAddress } from "./library/view_address.js";
import { createWorkerPanel } from "./library/worker_panel.js";
import { marks } from "./model/marked.js";
import { store } from "./model/store.js";
import { createStack } from "./stack/stack.js";
import { createSummaryLine } from "./stack/summary_line.js";
import { say } from "./texts/say.js";
import { placeUploads } from "./uploads/place.js";
import { uploads } from "./uploads/uploads.js";

export function mount({ element, options }) {
  store.start(options);
  const library = createLibrary();
  library.tools.prepend(chooseButton(uploads.take));
  library.tools.append(moreButton());
  connectCards(library);
  dragToFolders(library.grid.element, {
    names: (name) => (marks.has(name) ? [...marks.names] : [name]),
    move: moveTo,
  });
  const side = el("div", { class: "tab-side" }, selection());
  element.classList.add("lora-ui", "lora-tab");
  element.replaceChildren(
    connectionNote(),
    el(
      "div",
      { class: "tab-library" },
      library.element,
      createActionBar(() => library.grid.names),
    ),
    side,
    el("div", { class: "drop-note", "aria-hidden": "true" }, el("p", { text: say("upload.drop") })),
  );
  placeUploads(side, { hosted: store.hosted });
  connectAddress();
  connectKeys(element, library, (action, name) => act(action, name, library.grid));
  acceptFiles(element, takeFiles, { inside: store.hosted });
}

function selection() {
  return el(
    "aside",
    { class: "box tab-stack", "aria-label": say("tab.selection") },
    el("h2", { class: "section-title", text: say("tab.selected") }),
    createStack(say("tab.empty")),
    createSummaryLine(),
    ...(store.features.worker ? [createWorkerPanel()] : []),
  );
}

/** A picture that is dropped on a card becomes its thumbnail; all else is uploaded. */
function takeFiles(files, target) {
  const place =
    target instanceof Element && target.closest("[data-thumbnail-of], .card[data-name]");
  const name = place ? (place.dataset.thumbnailOf ?? place.dataset.name) : null;
  if (name !== null && files.length === 1 && isPicture(files[0])) setThumbnail(name, files[0]);
  else uploads.take(files);
}

/** `name` null stands for everything that is marked. */
function act(action, name, grid) {
  const names = name === null ? [...marks.names] : [name];
  if (action === "pick") store.toggle(name);
  if (action === "details") showDetails(name);
  if (action === "try") tryLora(name);
  if (action === "rename") renameLora(name);
  if (action === "star") starLoras(names);
  if (action === "delete") deleteLoras(names);
  if (action === "menu")
    openCardMenu(name, grid.cardOf(name).querySelector(".card-menu"), { showDetails });
}

function connectCards({ grid }) {
  delegate(grid.element, "click", (target, event) => {
    const name = target.closest(".card").dataset.name;
    const { action } = target.dataset;
    if (action === "mark" || (action === "pick" && (event.ctrlKey || event.metaKey))) {
      marks.toggle(name);
    } else if (action === "pick" && event.shiftKey) {
      marks.extend(name, grid.names);
    } else {
      act(action, name, grid);
    }
  });
  grid.element.addEventListener("contextmenu", (event) => {
    const name = event.target.closest(".card")?.dataset.name;
    if (name === undefined || event.clientX + event.clientY === 0) return;
    event.preventDefault();
    openCardMenu(name, { x: event.clientX, y: event.clientY }, { showDetails });
  });
}

function moreButton() {
  const more = actionButton("more", say("tab.more"), "more", { class: "icon-button" });
  more.setAttribute("aria-haspopup", "menu");
  more.addEventListener("click", () =>
    openMenu(
      more,
      say("tab.library"),
      [
        canPreview() && { label: say("previews.missing"), glyph: "film", run: previewMissing },
        { label: say("refresh.again"), glyph: "refresh", run: lookAgain },
        { label: say("trash.title"), glyph: "trash", run: showTrash },
      ].filter(Boolean),
    ),
  );
  return more;
}
