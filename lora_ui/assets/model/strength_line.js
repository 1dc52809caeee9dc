/** A strength over the steps as a line: points `[[fraction, strength], ...]`. */

import { isScheduled } from "./strengths.js";

export function pointsOf(part) {
  return isScheduled(part) ? part.map((point) => [...point]) : [[0, part]];
}

/** The path of points `[[fraction, strength], ...]` from one fraction to another. */
export function stepPath(points, x, y, from = 0, to = 1) {
  const inside = points.filter(([at]) => at > from && at < to);
  let path = `M${x(from)} ${y(valueAt(points, from))}`;
  for (const [at, value] of inside) path += `H${x(at)}V${y(value)}`;
  return `${path}H${x(to)}`;
}

/** The strength at a fraction; before the first point it is the first point's. */
export function valueAt(points, fraction) {
  const passed = points.filter(([at]) => at <= fraction + 1e-9);
  return (passed.at(-1) ?? points[0])[1];
}
