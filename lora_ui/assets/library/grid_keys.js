/** The library under the keyboard. */
import { marks } from "../model/marked.js";
import { store } from "../model/store.js";

const MOVES = new Set([
  "ArrowLeft",
  "ArrowRight",
  "ArrowUp",
  "ArrowDown",
  "Home",
  "End",
  "PageUp",
  "PageDown",
]);

/**
 * Connect the keys. `library` is what `createLibrary` gives; `act(action, name)` does what a
 * button of that action would.
 */
export function connectKeys(root, { grid, search }, act) {
  grid.element.addEventListener("keydown", (event) => onCard(event, grid, act));
  search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && grid.names.length > 0) {
      event.preventDefault();
      grid.focus(grid.names[0]);
    } else if (event.key === "Escape" && search.value !== "") {
      event.preventDefault();
      search.value = "";
      search.dispatchEvent(new Event("input"));
    }
  });
  document.addEventListener("keydown", (event) => {
    if (root.offsetParent === null || isElsewhere(event)) return;
    if (store.hosted && !root.contains(event.target)) return;
    if (event.key === "/") {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "a" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      marks.replace(grid.names);
    } else if (event.key === "Escape") {
      marks.clear();
    } else if (event.key === "Delete" && marks.size > 0) {
      act("delete", null);
    }
  });
}

/** Whether the key belongs to a field, a menu or a dialog. */
function isElsewhere({ target, defaultPrevented }) {
  return (
    defaultPrevented ||
    document.querySelector("dialog[open], .lora-popover") !== null ||
    (target instanceof Element &&
      target.closest("input, textarea, select, [contenteditable]") !== null)
  );
}

function onCard(event, grid, act) {
  const name = event.target.closest?.(".card")?.dataset.name;
  if (name === undefined || event.altKey) return;
  const control = event.ctrlKey || event.metaKey;
  if (MOVES.has(event.key)) {
    event.preventDefault();
    const next = grid.step(event.key);
    if (event.shiftKey && next !== null) {
      if (marks.size === 0) marks.toggle(name);
      marks.extend(next, grid.names);
    }
  } else if (event.key === "x" || (event.key === " " && control)) {
    event.preventDefault();
    marks.toggle(name);
  } else if (event.key === "F2") {
    act("rename", name);
  } else if (event.key === "Delete") {
    event.preventDefault();
    act("delete", marks.size > 0 ? null : name);
  } else if (event.key === "ContextMenu" || (event.key === "F10" && event.shiftKey)) {
    event.preventDefault();
    act("menu", name);
  } else if (!control && event.key === "i") {
    act("details", name);
  } else if (!control && event.key === "f") {
    act("star", name);
  }
}
