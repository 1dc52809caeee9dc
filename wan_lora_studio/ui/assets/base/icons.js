/** The gallery's own icons, drawn like those of the LoRA pages. */

const PATHS = {
  star: "M10 3l2.200 4.600 5 .7-3.600 3.500.9 5L10 14.400l-4.500 2.400.9-5L2.800 8.300l5-.7z",
  columns: "M3 4h6v12H3zM11 4h6v12h-6z",
  reuse: "M4 10a6 6 0 0 1 10.500-4L17 8M17 4v4h-4M16 10a6 6 0 0 1-10.500 4L3 12M3 16v-4h4",
  previous: "M12 4l-6 6 6 6",
  next: "M8 4l6 6-6 6",
  play: "M6 4l10 6-10 6z",
  pause: "M7 4v12M13 4v12",
  film: "M3 4h14v12H3zM7 4v12M13 4v12M3 10h4M13 10h4",
  picture: "M3 4h14v12H3zM3 14l4-4 4 4 2-2 4 4M12.500 7.500h.2",
};

const SVG = "http://www.w3.org/2000/svg";

export function glyph(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
