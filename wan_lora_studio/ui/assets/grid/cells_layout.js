/** The cells of a grid in their places: a table for two axes, a list for one. */
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { gridTitle } from "../base/job_text.js";
import { say } from "../texts/say.js";
import { Cell } from "./cell.js";

/** Gives the element, and each cell by the id of its part. */
export function layOut(job) {
  return job.grid?.y ? table(job) : list(job);
}

function list(job) {
  const cells = job.parts.map((part) => new Cell(part, part.label, ratio(job, part), LISTED));
  const element = el(
    "ul",
    {
      class: `cells ${cells.length === 2 ? "cells-two" : ""}`,
      "aria-label": say("grid.videosHere"),
    },
    cells.map((cell) => cell.element),
  );
  return { element, cells: byId(cells) };
}

const LISTED = { heading: true };

function table(job) {
  const { x, y } = job.grid;
  const cells = job.parts.map(
    (part) => new Cell(part, part.label, ratio(job, part), { tag: "td" }),
  );
  const rows = y.labels.map((label, row) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, el("span", { text: label, title: label })),
      x.labels.map((_, column) => {
        const place = job.parts.findIndex(({ cell }) => cell[0] === column && cell[1] === row);
        return cells[place].element;
      }),
    ),
  );
  const element = el(
    "div",
    { class: "cells-scroll", tabindex: "0", role: "region", "aria-label": gridTitle(job.grid) },
    el(
      "table",
      { class: "cells-table" },
      el("thead", {}, el("tr", {}, corner(x, y), x.labels.map(columnHead))),
      el("tbody", {}, rows),
    ),
  );
  return { element, cells: byId(cells) };
}

function corner(x, y) {
  return el(
    "th",
    { scope: "col", class: "cells-corner" },
    el("span", { class: "cells-axis", text: `${x.title} →` }),
    el("span", { class: "cells-axis", text: `${y.title} ↓` }),
  );
}

function columnHead(label) {
  return el("th", { scope: "col" }, el("span", { text: label, title: label }));
}

function ratio({ task }, part) {
  const { width, height } = { ...task, ...part.changes };
  return `${width || 1} / ${height || 1}`;
}

function byId(cells) {
  return new Map(cells.map((cell) => [cell.id, cell]));
}
