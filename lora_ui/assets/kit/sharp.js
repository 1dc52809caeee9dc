/**
 * Sharp pictures: small clips are enlarged by whole factors of the screen's pixels, and what they
 * leave of a frame is filled with their own colours. frames.css does it; it has to be told how
 * large a picture is, and how many of the screen's pixels one of CSS has.
 */

const SMALL = 320; // pixels; what is larger looks better smoothed

const root = document.documentElement;
const tellDensity = () => root.style.setProperty("--density", String(devicePixelRatio));
addEventListener("resize", tellDensity); // zooming is one
tellDensity();

/** Draw a video or an image sharply where it is small; `size` is known before it has loaded. */
export function drawSharply(media, size = {}) {
  const tell = () => tellSize(media, sizeOf(media) ?? size);
  for (const event of ["loadedmetadata", "load"]) media.addEventListener(event, tell);
  tell();
}

function sizeOf({ videoWidth, videoHeight, naturalWidth, naturalHeight }) {
  const found = { width: videoWidth ?? naturalWidth, height: videoHeight ?? naturalHeight };
  return found.width ? found : null;
}

/** Of an element with small pictures inside of it, all of one size, or of a single one. */
export function tellSize(element, { width = 0, height = 0 }) {
  const small = width > 0 && Math.max(width, height) <= SMALL;
  element.classList.toggle("sharp", small);
  if (!small) return;
  element.style.setProperty("--wide", `${width}px`);
  element.style.setProperty("--high", `${height}px`);
}

/**
 * Put a video or an image into its frame, before `picture`, the address of one like it. `size` is
 * known before it has loaded.
 */
export function putInFrame(frame, media, picture, size) {
  frame.replaceChildren(media);
  drawSharply(media, size);
  showBehind(frame, picture);
}

/** Fill what is left of a frame with a picture, out of focus; with nothing for `null`. */
export function showBehind(frame, picture) {
  frame.classList.toggle("has-behind", Boolean(picture));
  if (!picture) return;
  const address = new URL(picture, document.baseURI).href;
  frame.style.setProperty("--behind", `url(${JSON.stringify(address)})`);
}
