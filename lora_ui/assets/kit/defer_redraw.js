/**
 * What is pressed stays where it is: a click only counts if it begins and ends on one element, so
 * news that draw a list anew in between would undo it.
 */
const waiting = new Set();

/** Run `draw` now, or once nothing in `root` is pressed any more. */
export function unlessPressed(root, draw) {
  if (root.querySelector(":active") === null) draw();
  else waiting.add(draw);
}

/** After the click that ends the press. */
function released() {
  if (waiting.size === 0) return;
  setTimeout(() => {
    const draws = [...waiting];
    waiting.clear();
    for (const draw of draws) draw();
  });
}

for (const event of ["pointerup", "pointercancel", "keyup", "dragend", "blur"]) {
  addEventListener(event, released, { capture: true });
}
