/** A strength over the steps as a line: level from each point to the next. */

const SVG = "http://www.w3.org/2000/svg";
const SMALL = { width: 72, height: 22, edge: 3 };

export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
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
      "aria-hidden": true,
    },
    svg("path", { class: "curve-zero", d: `M${x(0)} ${y(0)}H${x(1)}` }),
    svg("path", { class: "curve-line", d: stepPath(points, x, y) }),
  );
}
