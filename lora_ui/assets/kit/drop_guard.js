/** A file that is dropped where nothing takes it would make the browser leave the page. */

/** Refuse such drops; call it once. */
export function guardDrops() {
  for (const type of ["dragover", "drop"]) window.addEventListener(type, refuse);
}

function refuse(event) {
  if (event.defaultPrevented || !event.dataTransfer?.types.includes("Files")) return;
  if (event.target instanceof Element && event.target.closest("input[type=file]")) return;
  event.preventDefault();
  event.dataTransfer.dropEffect = "none";
}
