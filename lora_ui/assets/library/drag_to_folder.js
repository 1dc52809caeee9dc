/** Cards that the mouse drags onto a folder of the tree: they are moved there. */
import { el } from "../kit/dom.js";
import { titleFor } from "../model/lora_text.js";
import { say } from "../texts/say.js";

const STARTS_AT = 6; // pixels; less is a click
const ALL = "*"; // the tree's first row stands for the top folder

/**
 * `names(name)` are the cards that go with the one that is dragged; `move(names, folder)` gets
 * them where they are let go. Escape gives up.
 */
export function dragToFolders(grid, { names, move }) {
  grid.addEventListener("dragstart", (event) => event.preventDefault()); // of the picture
  grid.addEventListener("pointerdown", (event) => {
    const held = event.target.closest?.(".card-pick")?.closest(".card");
    if (!held || event.button !== 0 || event.pointerType === "touch") return;
    follow(event, () => names(held.dataset.name), move);
  });
}

function follow(start, names, move) {
  const over = new AbortController();
  const { signal } = over;
  let ghost = null;
  let target = null;
  const aim = (row) => {
    target?.classList.remove("drop-here");
    target = row;
    target?.classList.add("drop-here");
  };
  const end = () => {
    over.abort();
    aim(null);
    ghost?.remove();
    if (ghost) swallowClick();
  };
  const moved = ({ clientX: x, clientY: y }) => {
    if (!ghost && Math.hypot(x - start.clientX, y - start.clientY) < STARTS_AT) return;
    ghost ??= shown(names());
    ghost.style.transform = `translate(${x + 12}px, ${y + 12}px)`;
    aim(document.elementFromPoint(x, y)?.closest("[data-folder]") ?? null);
  };
  const released = () => {
    const folder = target?.dataset.folder;
    end();
    if (folder !== undefined) move(names(), folder === ALL ? "" : folder.slice(1));
  };
  addEventListener("pointermove", moved, { signal });
  addEventListener("pointerup", released, { signal });
  addEventListener("pointercancel", end, { signal });
  addEventListener("keydown", ({ key }) => key === "Escape" && end(), { signal });
}

/** What is dragged, at the pointer. */
function shown(names) {
  const text = names.length === 1 ? titleFor(names[0]) : say("many.loras", { count: names.length });
  const ghost = el("div", { class: "lora-ui drag-ghost", "aria-hidden": "true", text });
  document.body.append(ghost);
  return ghost;
}

/** The click that ends a drag selects no card. */
function swallowClick() {
  const stop = (event) => event.stopPropagation();
  addEventListener("click", stop, { capture: true, once: true });
  setTimeout(() => removeEventListener("click", stop, { capture: true }));
}
