/** Drag order: rows of a list that the pointer drags to another place, or that move by so many. */

const STARTS_AT = 3; // pixels; less is a click

/** The names with one of them moved by `by` places, as far as there are any. */
export function movedBy(names, name, by) {
  const from = names.indexOf(name);
  const to = Math.max(0, Math.min(names.length - 1, from + by));
  const rest = names.filter((other) => other !== name);
  return [...rest.slice(0, to), name, ...rest.slice(to)];
}

/**
 * Rows follow the pointer that drags them by their `handle`, a selector for the row or a part of
 * it. `done(keys, moved)` gets the new order and the row that was dragged, by `dataset[key]`;
 * null for the order if it is the old one. While `isDragging(list)`, its rows are in the pointer's
 * hands: draw them afterwards.
 */
export function makeSortable(list, { handle, key = "name" }, done) {
  list.addEventListener("pointerdown", (event) => {
    const held = event.target.closest(handle);
    if (!held || event.button !== 0) return;
    const row = [...list.children].find((item) => item.contains(held));
    // A finger on a row scrolls, and what can be pressed in it is pressed.
    if (held === row && (event.pointerType === "touch" || isPressable(event.target))) return;
    // Else the browser scrolls on touch, or drags the picture.
    event.preventDefault();
    held.focus({ preventScroll: true });
    drag(list, row, event, (moved) => done(moved && keysOf(list, key), row.dataset[key]));
  });
}

export function isDragging(list) {
  return "dragging" in list.dataset;
}

function isPressable(target) {
  return target.closest("button, a, summary, input, select, textarea") !== null;
}

function drag(list, row, start, done) {
  const before = [...list.children];
  const grabbed = start.clientY - row.getBoundingClientRect().top;
  list.dataset.dragging = "";
  const move = (event) => {
    if (!row.classList.contains("dragged")) {
      if (Math.abs(event.clientY - start.clientY) < STARTS_AT) return;
      row.classList.add("dragged");
    }
    row.style.transform = "";
    const away = () => event.clientY - grabbed - row.getBoundingClientRect().top;
    let next = pass(row, away());
    for (let more = next; more; more = pass(row, away())) next = more;
    // Once for each move, so that a list that scrolls does not run to its end.
    next?.scrollIntoView({ block: "nearest" });
    row.style.transform = `translateY(${away()}px)`;
  };
  const end = (event) => {
    removeEventListener("pointermove", move);
    removeEventListener("pointerup", end);
    removeEventListener("pointercancel", end);
    row.classList.remove("dragged");
    row.style.transform = "";
    delete list.dataset.dragging;
    done(event.type === "pointerup" && [...list.children].some((item, at) => item !== before[at]));
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", end);
  addEventListener("pointercancel", end);
}

/**
 * Change places with the neighbour that the row has passed by half. Gives the one that comes next
 * in that direction, the row itself at the end; null if none was passed.
 */
function pass(row, by) {
  const above = row.previousElementSibling;
  const below = row.nextElementSibling;
  const { top, bottom } = row.getBoundingClientRect();
  // The neighbour moves: a row that is taken out would lose the pointer and the focus.
  if (above && by < (above.getBoundingClientRect().top - top) / 2) {
    row.after(above);
    return row.previousElementSibling ?? row;
  }
  if (below && by > (below.getBoundingClientRect().bottom - bottom) / 2) {
    row.before(below);
    return row.nextElementSibling ?? row;
  }
  return null;
}

function keysOf(list, key) {
  return [...list.children].map((row) => row.dataset[key]);
}
