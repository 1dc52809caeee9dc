/** Place of the list of uploads: beside the cards while these are shown, else in a corner. */
import { el } from "../kit/dom.js";
import { uploads } from "./uploads.js";

const corner = el("div", { class: "lora-ui uploads-corner" });

/** The list stands in `side` while that is shown; in a host's page always. */
export function placeUploads(side, { hosted }) {
  side.prepend(uploads.element);
  if (hosted) return;
  new ResizeObserver(() => {
    const place = side.offsetParent === null ? corner : side;
    if (uploads.element.parentElement !== place) place.prepend(uploads.element);
  }).observe(side);
}

/** Until the library's tab is there. */
export function showUploadsInCorner() {
  document.body.append(corner);
  if (uploads.element.parentElement === null) corner.append(uploads.element);
}
