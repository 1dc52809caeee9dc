/** Several videos as one job: for each of some seeds, and for each of some prompts. */

const KEPT = "studio-videos";
const SEEDS = 2 ** 32;
const LABEL = 200; // characters that a part's label may have
export const MOST = 100;

/** How many videos Generate makes, as the page keeps it. */
class VideoCount extends EventTarget {
  #value = clean(localStorage.getItem(KEPT));

  get value() {
    return this.#value;
  }

  set value(wanted) {
    this.#value = clean(wanted);
    localStorage.setItem(KEPT, String(this.#value));
    this.dispatchEvent(new Event("change"));
  }
}

export const videoCount = new VideoCount();

function clean(wanted) {
  const number = Math.round(Number(wanted));
  return Number.isFinite(number) ? Math.min(MOST, Math.max(1, number)) : 1;
}

/** A task with a seed, and one part for each video; `parts` is empty for a single one. */
export function batchOf(task, count, prompts = [task.prompt]) {
  if (count * prompts.length === 1) return { task: { ...task, prompt: prompts[0] }, parts: [] };
  const first = firstSeed(task.seed);
  const named = prompts.length > 1;
  const parts = prompts.flatMap((prompt) =>
    seedsFrom(first, count).map((seed) => ({
      label: shortened([named && prompt, count > 1 && `seed ${seed}`].filter(Boolean)),
      changes: { ...(named && { prompt }), ...(count > 1 && { seed }) },
    })),
  );
  return { task: { ...task, seed: first, prompt: prompts[0] }, parts };
}

/** The seed stays whole where the prompt is cut. */
function shortened(words) {
  const [first, ...rest] = words;
  const room = LABEL - rest.join().length - 4;
  const letters = [...(first ?? "")]; // no letter is cut in two
  const text = letters.length > room ? `${letters.slice(0, room).join("")}…` : first;
  return [text, ...rest].filter(Boolean).join(", ");
}

/** The form's seed; where it has none, one that is drawn, as a text that no rounding touches. */
function firstSeed(seed) {
  const given = String(seed ?? "").trim();
  if (given !== "") return /^\d+$/.test(given) ? Number(given) : given;
  return crypto.getRandomValues(new Uint32Array(1))[0];
}

/** One after the other, so that each video can be found again. A wrong seed is left to be told. */
function seedsFrom(first, count) {
  return Array.from({ length: count }, (_, index) =>
    typeof first === "number" ? (first + index) % SEEDS : first,
  );
}

/** One prompt for each line that has something on it. */
export function promptsIn(text) {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
}
