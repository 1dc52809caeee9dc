/** Where the form and the run panel meet: what was submitted, refused, or is to be reused. */

class Runs extends EventTarget {
  /** Task fields that the form shall take over. */
  reused = {};
}

export const runs = new Runs();

/** `submitted` carries {job}, `refused` carries {error}. */
export function announce(type, detail) {
  runs.dispatchEvent(new CustomEvent(type, { detail }));
}
