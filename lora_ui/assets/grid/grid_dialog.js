/** Asking for a grid: what changes along its axes, how it will look, and what it will cost. */
import { openDialog } from "../kit/dialogs.js";
import { el } from "../kit/dom.js";
import { seconds } from "../kit/format.js";
import { form } from "../model/form.js";
import { grids, planGrid, startGrid } from "../model/grid.js";
import { axisText, valueText } from "../model/grid_text.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";
import { createAxisField } from "./axis_field.js";
import { drawGrid } from "./drawing.js";

const SETTLED_MS = 200;
const SHORTEST_S = 1; // a time below says nothing
const MOST_IN_HOSTS = 24;

/** From now on the dialog is opened for whoever asks for a grid. */
export function answerGrids() {
  grids.addEventListener("open", ({ detail }) => openGridDialog(detail));
}

function openGridDialog({ x, y = null }) {
  const view = {
    columns: createAxisField("x", say("grid.columns"), x ?? usualAxis(), () => check(view)),
    rows: createAxisField("y", say("grid.rows"), y, () => check(view)),
    drawing: el("div", { class: "grid-drawing" }),
    problem: el("p", { class: "problem", role: "alert" }),
    cost: el("p", { class: "grid-cost", role: "status" }),
    make: el("button", { type: "submit", form: "grid-form", class: "button button-primary" }),
    grid: null, // as it would be made now; null while something is wrong
    asked: "",
    timer: 0,
  };
  const body = el(
    "form",
    { class: "dialog-form grid-form", id: "grid-form" },
    el("div", { class: "grid-axes" }, view.columns.element, view.rows.element),
    view.drawing,
    view.problem,
    view.cost,
    el("p", { class: "muted", text: say("grid.about") }),
  );
  const dialog = openDialog(say("grid.title"), body, {
    className: "dialog-grid",
    buttons: [view.make],
  });
  dialog.addEventListener("close", () => {
    clearTimeout(view.timer);
    view.asked = "closed";
  });
  body.addEventListener("input", () => check(view));
  body.addEventListener("submit", (event) => {
    event.preventDefault();
    if (view.make.disabled) return;
    dialog.close();
    startGrid(view.grid);
  });
  check(view);
}

function usualAxis() {
  const [first] = Object.keys(store.selected());
  if (first || !store.features.grid) return { of: "strength", lora: first };
  return { of: "seed" };
}

/** Draw what is asked for at once; what the server says of it comes a moment later. */
function check(view) {
  const [x, y] = [view.columns.read(), view.rows.read()];
  view.columns.tell(x.problem ?? "");
  view.rows.tell(y?.problem ?? "");
  const wrong = Boolean(x.problem || y?.problem);
  view.grid = wrong ? null : { x, y };
  const columns = wrong ? [] : labels(x);
  const rows = wrong || !y ? [] : labels(y);
  drawGrid(view.drawing, columns, rows, ratio());
  const count = columns.length * Math.max(1, rows.length);
  view.make.textContent = count > 0 ? say("grid.make", { count }) : say("grid.makeNone");
  ask(view, count);
}

function labels(axis) {
  return axis.values.map((value) => valueText(axis.of, value));
}

function ratio() {
  const { width, height } = form.values;
  return width > 0 && height > 0 ? width / height : 1;
}

function ask(view, count) {
  const { grid } = view;
  const key = JSON.stringify(grid);
  if (key === view.asked) return;
  view.asked = key;
  clearTimeout(view.timer);
  view.make.disabled = true;
  view.problem.textContent = "";
  view.cost.textContent = "";
  if (grid === null) return;
  if (!store.features.grid) {
    view.make.disabled = count > MOST_IN_HOSTS;
    view.problem.textContent =
      count > MOST_IN_HOSTS ? say("grid.tooMany", { most: MOST_IN_HOSTS }) : "";
    return;
  }
  view.cost.textContent = say("grid.counting");
  view.timer = setTimeout(() => plan(view, grid, key), SETTLED_MS);
}

async function plan(view, grid, key) {
  let found = null;
  try {
    found = await planGrid(grid);
  } catch (error) {
    found = { problems: [[error.message, ...(error.suggestions ?? [])].join(" ")] };
  }
  if (key !== view.asked) return; // a newer plan was asked for meanwhile
  const said = { x: [], y: [], none: [] };
  for (const problem of found.problems) {
    const { axis, text } = typeof problem === "string" ? { text: problem } : problem;
    said[axis ?? "none"].push(text);
  }
  view.columns.tell(said.x.join(" "));
  view.rows.tell(said.y.join(" "));
  view.problem.textContent = said.none.join(" ");
  view.make.disabled = found.problems.length > 0;
  view.cost.textContent = found.problems.length > 0 ? "" : costText(found, grid);
  if (found.columns) drawGrid(view.drawing, found.columns, found.rows, ratio());
}

function costText({ videos, seconds: time }, { x, y }) {
  const what = [x, y].filter(Boolean).map(axisText).join(" × ");
  const count = say("grid.cost", { what, count: videos });
  if (time === null) return say("grid.costUnknown", { videos: count });
  return time < SHORTEST_S
    ? count
    : say("grid.costTime", { videos: count, time: seconds(time, 0) });
}
