/** The caret in a prompt that the page changes while a person types in it. */

const SHOWN_MS = 1500; // by then the host shows what it was given

/** Whoever goes on typing does so where they were, counted from the end of the text. */
export function keepingCaret(change) {
  const field = document.activeElement;
  change();
  if (field?.tagName !== "TEXTAREA") return;
  const before = field.value;
  const behind = before.slice(field.selectionEnd);
  const end = performance.now() + SHOWN_MS;
  const look = () => {
    if (document.activeElement !== field || performance.now() > end) return;
    if (field.value === before) {
      requestAnimationFrame(look);
      return;
    }
    const rest = field.value.endsWith(behind) ? behind : behind.trimStart();
    const place = field.value.endsWith(rest) ? field.value.length - rest.length : null;
    if (place !== null) field.setSelectionRange(place, place);
  };
  look();
}
