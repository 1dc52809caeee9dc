/** Strengths over the steps: points `[[fraction, strength], ...]`, and how they are changed. */

import { svg } from "../kit/svg.js";
import { stepPath, valueAt } from "../model/strength_line.js";
import { rounded } from "../model/strengths.js";
import { say } from "../texts/say.js";

const MOST_SHAPE_POINTS = 5;
const SMALL = { width: 72, height: 22, edge: 3 };

/** A number where the strength never changes, else the points; the first holds from the start. */
export function partOf(points) {
  const values = new Set(points.map(([, value]) => value));
  if (values.size === 1) return points[0][1];
  return points.map(([at, value], index) => [index === 0 ? 0 : at, value]);
}

/** The number of the first step, from 1, that a point has an effect on. */
export function stepOf(fraction, steps) {
  return Math.min(steps, Math.ceil(fraction * steps - 1e-9) + 1);
}

export function fractionOf(step, steps) {
  return Math.max(0, Math.min(steps - 1, Math.round(step) - 1)) / steps;
}

/** Move a point; it stays between its neighbours, and the first at the start. */
export function moved(points, index, fraction, value, steps) {
  const least = index === 0 ? 0 : points[index - 1][0] + 1 / steps;
  const most = index === points.length - 1 ? 1 - 1 / steps : points[index + 1][0] - 1 / steps;
  const at = index === 0 ? 0 : Math.max(least, Math.min(most, fraction));
  return points.map((point, other) => (other === index ? [at, rounded(value)] : point));
}

export function removed(points, index) {
  const rest = points.filter((_, other) => other !== index);
  if (rest.length === 0) return points;
  return [[0, rest[0][1]], ...rest.slice(1)];
}

/** The points with one more in the middle of the longest stretch; null if there is no room. */
export function added(points, steps, [from, to] = [0, 1]) {
  const edges = [...points.map(([at]) => at), to];
  let best = null;
  for (let index = 0; index < points.length; index += 1) {
    const [start, end] = [Math.max(edges[index], from), Math.min(edges[index + 1], to)];
    if (end - start > (best?.length ?? 1.5 / steps)) best = { index, start, length: end - start };
  }
  if (!best) return null;
  const at = Math.round((best.start + best.length / 2) * steps) / steps;
  return {
    index: best.index + 1,
    points: points.toSpliced(best.index + 1, 0, [at, valueAt(points, at)]),
  };
}

/** Usual shapes of strength `value` between two fractions, by what they are called. */
export const SHAPES = {
  [say("schedule.constant")]: (value) => [[0, value]],
  [say("schedule.fadeIn")]: (value, span, steps) => ramp(0, value, span, steps),
  [say("schedule.fadeOut")]: (value, span, steps) => ramp(value, 0, span, steps),
  [say("schedule.firstHalf")]: (value, span, steps) => [
    [0, value],
    [middle(span, steps), 0],
  ],
  [say("schedule.secondHalf")]: (value, span, steps) => [
    [0, 0],
    [middle(span, steps), value],
  ],
};

function middle([from, to], steps) {
  return Math.round(((from + to) / 2) * steps) / steps;
}

function ramp(first, last, [from, to], steps) {
  const room = Math.max(2, Math.round((to - from) * steps));
  const count = Math.min(MOST_SHAPE_POINTS, room);
  return Array.from({ length: count }, (_, index) => {
    const at = Math.round((from + ((to - from) * index) / count) * steps) / steps;
    const value = first + ((last - first) * index) / (count - 1);
    return [index === 0 ? 0 : at, Math.round(value * 100) / 100];
  });
}

/** A picture of the line, as wide as a word. */
export function smallCurve(points, expert) {
  const values = [0, ...points.map(([, value]) => value)];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const { width, height, edge } = SMALL;
  const x = (fraction) => edge + fraction * (width - 2 * edge);
  const y = (value) => height - edge - ((value - low) / (high - low || 1)) * (height - 2 * edge);
  return svg(
    "svg",
    {
      class: `small-curve curve-${expert}`,
      viewBox: `0 0 ${width} ${height}`,
      width,
      height,
      "aria-hidden": true,
    },
    svg("path", { class: "curve-zero", d: `M${x(0)} ${y(0)}H${x(1)}` }),
    svg("path", { class: "curve-line", d: stepPath(points, x, y) }),
  );
}
