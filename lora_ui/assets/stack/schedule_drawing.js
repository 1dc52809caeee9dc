/** The large curve of the schedule editor: steps across, strength upwards, points to move. */
import * as format from "../kit/format.js";
import { svg } from "../kit/svg.js";
import { stepPath } from "../model/strength_line.js";
import { say } from "../texts/say.js";
import { moved, removed, stepOf } from "./schedule.js";

const HEIGHT = 220;
const EDGE = { left: 46, right: 14, top: 26, bottom: 26 };
const FINE = 0.05;
const SPANS = {
  one: (count) => say("schedule.span", { count }),
  high: (count) => say("schedule.spanHigh", { count }),
  low: (count) => say("schedule.spanLow", { count }),
};
const POINTS = {
  both: (place) => say("schedule.point", place),
  high: (place) => say("schedule.pointHigh", place),
  low: (place) => say("schedule.pointLow", place),
};
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/**
 * `plan` has `curves` by expert, `steps`, `split` ({high, low} steps) and `range`.
 * `change(expert, points, focusIndex)` is told of every move.
 */
export function drawSchedule(host, plan, change) {
  const width = Math.max(260, host.clientWidth || 520);
  const scales = scalesFor(plan, width);
  const root = svg("svg", {
    class: "schedule",
    viewBox: `0 0 ${width} ${HEIGHT}`,
    width,
    height: HEIGHT,
    role: "group",
    "aria-label": say("schedule.label"),
  });
  root.append(...grounds(plan, scales, width), ...gridLines(plan, scales, width));
  for (const [expert, points] of Object.entries(plan.curves)) {
    root.append(...curve(plan, scales, expert, points));
  }
  for (const [expert, points] of Object.entries(plan.curves)) {
    points.forEach((_, index) => {
      root.append(handle(plan, scales, expert, index, change));
    });
  }
  host.replaceChildren(root);
}

function scalesFor({ range: [low, high] }, width) {
  const inner = width - EDGE.left - EDGE.right;
  const tall = HEIGHT - EDGE.top - EDGE.bottom;
  return {
    x: (fraction) => EDGE.left + fraction * inner,
    y: (value) => EDGE.top + ((high - value) / (high - low)) * tall,
    fraction: (x) => (x - EDGE.left) / inner,
    value: (y) => high - ((y - EDGE.top) / tall) * (high - low),
  };
}

/** The steps of each expert as a ground of its own, and how many they are. */
function grounds({ split, steps }, { x }, width) {
  const handover = split.high / steps;
  const spans = [
    ["high", 0, handover, split.high],
    ["low", handover, 1, split.low],
  ].filter(([, , , count]) => count > 0);
  const one = spans.length === 1 && !split.two;
  return spans.flatMap(([expert, from, to, count]) => {
    const words = one ? SPANS.one : SPANS[expert];
    const wide = x(to) - x(from);
    return [
      svg("rect", {
        class: one ? "ground" : `ground ground-${expert}`,
        x: x(from),
        y: EDGE.top,
        width: wide,
        height: HEIGHT - EDGE.top - EDGE.bottom,
      }),
      wide > (width > 420 ? 110 : 84) && text(words(count), x(from) + wide / 2, 16, "middle"),
    ].filter(Boolean);
  });
}

function gridLines({ range: [low, high], steps }, { x, y }, width) {
  const found = [];
  for (let value = Math.ceil(low * 2) / 2; value <= high + 1e-9; value += 0.5) {
    const whole = Number.isInteger(value);
    const kind = value === 0 ? "grid-zero" : "grid-line";
    found.push(svg("path", { class: kind, d: `M${x(0)} ${y(value)}H${x(1)}` }));
    if (whole || high - low <= 2)
      found.push(text(format.strength(value), EDGE.left - 14, y(value) + 4, "end"));
  }
  for (const step of shownSteps(steps, width)) {
    found.push(text(String(step), x((step - 1) / steps), HEIGHT - 8, "middle"));
  }
  found.push(text(say("schedule.step"), width - EDGE.right, HEIGHT - 8, "end"));
  return found;
}

function shownSteps(steps, width) {
  const every = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((it) => steps / it <= width / 60) ?? 500;
  const all = Array.from({ length: steps }, (_, index) => index + 1);
  return all.filter((step) => (step === 1 || step % every === 0) && step <= steps * 0.94);
}

function curve({ split, steps }, { x, y }, expert, points) {
  const handover = split.high / steps;
  const [from, to] = { both: [0, 1], high: [0, handover], low: [handover, 1] }[expert];
  return [
    svg("path", {
      class: `curve-line curve-faint curve-${expert}`,
      d: stepPath(points, x, y, expert === "low" ? from : 0),
    }),
    to > from &&
      svg("path", {
        class: `curve-line curve-${expert}`,
        d: stepPath(points, x, y, from, to),
      }),
  ].filter(Boolean);
}

function handle(plan, scales, expert, index, change) {
  const points = plan.curves[expert];
  const [at, value] = points[index];
  const place = { point: index + 1, points: points.length };
  const shown = index === 0 && expert === "low" ? plan.split.high / plan.steps : at;
  const step = stepOf(shown, plan.steps);
  const group = svg(
    "g",
    {
      class: `handle curve-${expert}`,
      tabindex: 0,
      role: "slider",
      "aria-label": POINTS[expert](place),
      "aria-valuemin": plan.range[0],
      "aria-valuemax": plan.range[1],
      "aria-valuenow": value,
      "aria-valuetext": say("schedule.valueText", { step, strength: format.strength(value) }),
      "data-expert": expert,
      "data-index": index,
    },
    svg("circle", { class: "handle-reach", cx: scales.x(shown), cy: scales.y(value), r: 22 }),
    svg("circle", { class: "handle-dot", cx: scales.x(shown), cy: scales.y(value), r: 7 }),
  );
  group.addEventListener("keydown", (event) => pressed(event, plan, expert, index, change));
  group.addEventListener("pointerdown", (event) =>
    dragged(event, plan, scales, expert, index, change),
  );
  return group;
}

function pressed(event, plan, expert, index, change) {
  const points = plan.curves[expert];
  if (event.key === "Delete" || event.key === "Backspace") {
    event.preventDefault();
    change(expert, removed(points, index), Math.max(0, index - 1));
    return;
  }
  const by = KEYS[event.key];
  if (!by) return;
  event.preventDefault();
  const [at, value] = points[index];
  const big = event.shiftKey ? 5 : 1;
  const next = clamp(value + by[1] * FINE * big, plan.range);
  change(expert, moved(points, index, at + (by[0] * big) / plan.steps, next, plan.steps), index);
}

function dragged(event, plan, scales, expert, index, change) {
  if (event.button !== 0) return;
  event.preventDefault();
  event.currentTarget.focus({ preventScroll: true });
  const box = event.currentTarget.ownerSVGElement.getBoundingClientRect();
  const points = plan.curves[expert];
  const move = (now) => {
    const at = Math.round(scales.fraction(now.clientX - box.left) * plan.steps) / plan.steps;
    const value = clamp(scales.value(now.clientY - box.top), plan.range);
    const snapped = Math.round(value / FINE) * FINE;
    change(expert, moved(points, index, at, snapped, plan.steps), index);
  };
  const end = () => {
    removeEventListener("pointermove", move);
    removeEventListener("pointerup", end);
    removeEventListener("pointercancel", end);
  };
  addEventListener("pointermove", move);
  addEventListener("pointerup", end);
  addEventListener("pointercancel", end);
}

function clamp(value, [low, high]) {
  return Math.max(low, Math.min(high, value));
}

function text(words, x, y, anchor) {
  const element = svg("text", { x, y, "text-anchor": anchor });
  element.textContent = words;
  return element;
}
