/** Dragging the rows of a list into another order. The buttons do the same for keys and fingers. */

/** `moved(id, position)` is called with the place, from 1, where a row was dropped. */
export function makeSortable(list, moved) {
  let dragged = null;
  list.addEventListener("dragstart", (event) => {
    dragged = event.target.closest?.(".queue-row") ?? null;
    if (!dragged) return;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", "");
    dragged.classList.add("dragged");
  });
  list.addEventListener("dragend", () => {
    dragged?.classList.remove("dragged");
    mark(list, null);
    dragged = null;
  });
  list.addEventListener("dragover", (event) => {
    if (!dragged) return;
    event.preventDefault();
    mark(list, rowUnder(list, event));
  });
  list.addEventListener("drop", (event) => {
    const target = rowUnder(list, event);
    if (!dragged || !target) return;
    event.preventDefault();
    const rows = [...list.children];
    if (target !== dragged) moved(dragged.dataset.id, rows.indexOf(target) + 1);
  });
}

function rowUnder(list, event) {
  return [...list.children].find((row) => {
    const { top, bottom } = row.getBoundingClientRect();
    return event.clientY >= top && event.clientY <= bottom;
  });
}

function mark(list, target) {
  for (const row of list.children) row.classList.toggle("drop-here", row === target);
}
