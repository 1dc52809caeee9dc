/** Another order of the rows: dragged by the grip, or moved by so many places. */

/** The names with one of them moved by `by` places, as far as there are any. */
export function movedBy(names, name, by) {
  const from = names.indexOf(name);
  const to = Math.max(0, Math.min(names.length - 1, from + by));
  const rest = names.filter((other) => other !== name);
  return [...rest.slice(0, to), name, ...rest.slice(to)];
}

/**
 * Rows follow the pointer that drags their grip. `done(names)` gets the new order, null if it is
 * the old one. While `isDragging(list)`, its rows are in the pointer's hands: draw them afterwards.
 */
export function connectDragging(list, done) {
  list.addEventListener("pointerdown", (event) => {
    const grip = event.target.closest(".stack-grip");
    if (!grip || event.button !== 0) return;
    // Else the browser scrolls on touch, or drags the picture.
    event.preventDefault();
    grip.focus({ preventScroll: true });
    drag(list, grip.closest(".stack-row"), event, done);
  });
}

export function isDragging(list) {
  return list.querySelector(".stack-dragged") !== null;
}

function drag(list, row, start, done) {
  const before = namesOf(list).join("\n");
  let origin = start.clientY;
  row.classList.add("stack-dragged");
  const move = (event) => {
    const neighbour = crossed(row, event.clientY - origin);
    if (neighbour) {
      const top = row.offsetTop;
      if (neighbour === row.previousElementSibling) neighbour.before(row);
      else neighbour.after(row);
      origin += row.offsetTop - top;
    }
    row.style.transform = `translateY(${event.clientY - origin}px)`;
  };
  const end = (event) => {
    removeEventListener("pointermove", move);
    removeEventListener("pointerup", end);
    removeEventListener("pointercancel", end);
    row.classList.remove("stack-dragged");
    row.style.transform = "";
    const names = namesOf(list);
    done(event.type === "pointerup" && names.join("\n") !== before ? names : null);
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", end);
  addEventListener("pointercancel", end);
}

/** The neighbour whose middle the dragged row has passed. */
function crossed(row, by) {
  const above = row.previousElementSibling;
  const below = row.nextElementSibling;
  if (above && by < -above.offsetHeight / 2) return above;
  if (below && by > below.offsetHeight / 2) return below;
  return null;
}

function namesOf(list) {
  return [...list.children].map((row) => row.dataset.name);
}
