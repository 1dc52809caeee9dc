/** Where the form and the run panel meet: what was submitted, refused, or is to be reused. */

class Runs extends EventTarget {
  /** Task fields that the form shall take over. */
  reused = {};
}

export const runs = new Runs();

/** Put task fields into the form; what is not among them stays as it is. */
export function reuseFields(fields) {
  announce("reuse", { fields });
}

/** Show the grid of a job, wherever one is. */
export function showGrid(id) {
  announce("grid", { id });
}

/** `submitted` carries {job}, `refused` {error}, `reuse` {fields}, `grid` {id}. */
export function announce(type, detail) {
  runs.dispatchEvent(new CustomEvent(type, { detail }));
}
