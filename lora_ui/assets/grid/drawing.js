/** The small drawing of a grid that is asked for: its heads, and an empty tile for each video. */
import { el } from "../kit/dom.js";
import { say } from "../texts/say.js";

const SHOWN = { columns: 8, rows: 6 };
const MORE = "…";

/** `columns` and `rows` are labels; no rows for a grid of one axis. */
export function drawGrid(host, columns, rows, ratio) {
  const [across, down] = [some(columns, SHOWN.columns), some(rows, SHOWN.rows)];
  const tiles = (down.length > 0 ? down : [null]).flatMap((label) => [
    ...(down.length > 0 ? [head(label, "grid-drawing-row")] : []),
    ...across.map((column) => tile(column === MORE || label === MORE)),
  ]);
  host.replaceChildren(
    ...(down.length > 0 ? [el("span")] : []),
    ...across.map((label) => head(label, "grid-drawing-column")),
    ...tiles,
  );
  host.style.setProperty("--columns", across.length);
  host.style.setProperty("--ratio", ratio);
  host.dataset.rows = String(down.length);
  host.hidden = columns.length === 0;
  host.setAttribute("role", "img");
  host.setAttribute("aria-label", words(columns, rows));
}

function words(columns, rows) {
  const across = columns.join(", ");
  if (rows.length === 0) return say("grid.drawing", { columns: across });
  return say("grid.drawingBoth", { columns: across, rows: rows.join(", ") });
}

/** The first ones, a sign for those left out, and the last. */
function some(labels, most) {
  return labels.length > most ? [...labels.slice(0, most - 2), MORE, labels.at(-1)] : labels;
}

function head(label, className) {
  return el("span", { class: className, text: label, title: label });
}

function tile(isGap) {
  return el("span", { class: isGap ? "grid-drawing-gap" : "grid-drawing-tile" });
}
