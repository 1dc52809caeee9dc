/** The library under the keyboard. */
import { KEYS } from "../model/library_keys.js";
import { marks } from "../model/marked.js";
import { store } from "../model/store.js";

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
    if (KEYS.search(event)) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (KEYS.all(event)) {
      event.preventDefault();
      marks.replace(grid.names);
    } else if (KEYS.none(event)) {
      marks.clear();
    } else if (KEYS.deleteMarked(event) && marks.size > 0) {
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
  if (KEYS.move(event)) {
    event.preventDefault();
    const next = grid.step(event.key);
    if (event.shiftKey && next !== null) {
      if (marks.size === 0) marks.toggle(name);
      marks.extend(next, grid.names);
    }
  } else if (KEYS.mark(event)) {
    event.preventDefault();
    marks.toggle(name);
  } else if (KEYS.rename(event)) {
    act("rename", name);
  } else if (KEYS.delete(event)) {
    event.preventDefault();
    act("delete", marks.size > 0 ? null : name);
  } else if (KEYS.menu(event)) {
    event.preventDefault();
    act("menu", name);
  } else if (KEYS.details(event)) {
    act("details", name);
  } else if (KEYS.star(event)) {
    act("star", name);
  }
}
