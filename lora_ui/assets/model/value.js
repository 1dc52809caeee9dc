/** The value of the controls' Gradio component: what is selected, as each event of it gets it. */
import { store } from "./store.js";

/**
 * Tell every change at once, so that a slider which moved just before a click counts; and take
 * over what an event of the page sets. `started` is done when the selection is known.
 */
export function connectValue(props, watch, started) {
  let known = false;
  const tell = () => {
    if (known && !same(props.value, store.selected())) props.value = plain(store.selected());
  };
  for (const event of ["selection", "strength", "summary"]) store.addEventListener(event, tell);
  const take = async () => {
    // Now: what was kept is told before long. A cleared field is empty, as one not yet filled is.
    const wanted = props.value ? plain(props.value) : known && {};
    await started;
    if (wanted && !same(wanted, store.selected())) store.replace(wanted);
    tell();
  };
  watch("value", take);
  take(); // what an event has set before this was there
  started.then(() => {
    known = true;
    tell();
  });
}

function plain(value) {
  return JSON.parse(JSON.stringify(value));
}

/** Equal, in the same order. Gradio has "" in place of nothing. */
function same(first, second) {
  return JSON.stringify(first || null) === JSON.stringify(second);
}
