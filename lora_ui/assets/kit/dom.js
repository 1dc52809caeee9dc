/** Building elements. Text only ever becomes a text node, so a file name is never markup. */

/**
 * An element with properties and children.
 * `props` are attributes; `class`, `text` and `dataset` are set as such, and a value of
 * `false`, `null` or `undefined` is left out.
 */
export function el(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  setProps(element, props);
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

export function setProps(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === false || value === null || value === undefined) {
      element.removeAttribute(name);
    } else if (name === "class") {
      element.className = value;
    } else if (name === "text") {
      element.textContent = value;
    } else if (name === "value") {
      element.value = value;
    } else if (name === "dataset") {
      Object.assign(element.dataset, value);
    } else {
      element.setAttribute(name, value === true ? "" : value);
    }
  }
}

/** A labelled icon-sized button that says what it does by `data-action`. */
export function actionButton(action, label, glyph, props = {}) {
  return el(
    "button",
    { type: "button", "aria-label": label, title: label, dataset: { action }, ...props },
    icon(glyph),
  );
}

const PATHS = {
  close: "M5 5l10 10M15 5L5 15",
  pencil: "M4 16l1-4 8-8 3 3-8 8-4 1zM11.500 5.500l3 3",
  trash: "M4 6h12M8 6V4h4v2M6 6l1 10h6l1-10M9 9v4M11 9v4",
  info: "M10 9v5M10 6.200v.2M10 17a7 7 0 100-14 7 7 0 000 14z",
  plus: "M10 4v12M4 10h12",
  upload: "M10 13V4M6.500 7.500L10 4l3.500 3.500M4 13v3h12v-3",
  check: "M4 10.500l4 4 8-9",
  split: "M10 17v-5M10 12C10 8 5 9 5 4M10 12c0-4 5-3 5-8M3 6l2-2 2 2M13 6l2-2 2 2",
  star: "M10 3l2.100 4.500 4.900.600-3.600 3.300 1 4.900-4.400-2.500-4.400 2.500 1-4.900L3 8.100l4.900-.600z",
  more: "M4.500 10h.010M10 10h.010M15.500 10h.010",
  play: "M7 5l8 5-8 5z",
  grid: "M4 4h5v5H4zM11 4h5v5h-5zM4 11h5v5H4zM11 11h5v5h-5z",
  large: "M4 4h12v12H4z",
  rows: "M4 5h12M4 10h12M4 15h12",
  folder: "M3 6V5h5l2 2h7v9H3z",
  copy: "M7 7h9v9H7zM4 13V4h9",
  pair: "M4 5h5v10H4zM11 5h5v10h-5z",
  move: "M3 10h11M10 6l4 4-4 4M17 4v12",
  picture: "M3 4h14v12H3zM3 13l4-4 4 4 2-2 4 4",
  twins: "M4 4h8v8H4zM8 8h8v8H8z",
  refresh: "M15.500 8a6 6 0 10.300 4M16 4v4h-4",
  clock: "M10 17a7 7 0 100-14 7 7 0 000 14zM10 6v4l3 2",
  down: "M5 8l5 5 5-5",
  tag: "M4 4h6l6 6-6 6-6-6zM7 7h.010",
  filter: "M3 5h14l-5.500 6v5l-3-1.500V11z",
  grip: "M7.500 5h.010M12.500 5h.010M7.500 10h.010M12.500 10h.010M7.500 15h.010M12.500 15h.010",
  curve: "M3 6h5v4h4v5h5M3 17h14",
  undo: "M4 8h8a4 4 0 010 8H8M7 5L4 8l3 3",
  bolt: "M11 3l-6 8h4l-1 6 6-8h-4z",
  layers: "M10 4l7 4-7 4-7-4zM3 12l7 4 7-4",
  save: "M4 4h10l2 2v10H4zM7 4v4h5V4M7 16v-4h6v4",
  compare: "M4 5h5v10H4zM11 5h5v10h-5zM10 3v14",
  columns: "M3 4h6v12H3zM11 4h6v12h-6z",
  reuse: "M4 10a6 6 0 0 1 10.500-4L17 8M17 4v4h-4M16 10a6 6 0 0 1-10.500 4L3 12M3 16v-4h4",
  previous: "M12 4l-6 6 6 6",
  next: "M8 4l6 6-6 6",
  pause: "M7 4v12M13 4v12",
  film: "M3 4h14v12H3zM7 4v12M13 4v12M3 10h4M13 10h4",
  search: "M9 14A5 5 0 109 4a5 5 0 000 10zM13 13l4 4",
};

const SVG = "http://www.w3.org/2000/svg";

/** Small and in outline by its attributes alone, should the css come late. */
const ICON = {
  viewBox: "0 0 20 20",
  width: 18,
  height: 18,
  fill: "none",
  stroke: "currentColor",
  class: "icon",
  "aria-hidden": "true",
};

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries(ICON)) svg.setAttribute(key, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/** Run `handle(actionElement, event)` for events on elements with `data-action` inside `root`. */
export function delegate(root, type, handle) {
  root.addEventListener(type, (event) => {
    const target = event.target instanceof Element ? event.target.closest("[data-action]") : null;
    if (target && root.contains(target)) handle(target, event);
  });
}
