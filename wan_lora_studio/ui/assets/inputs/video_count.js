/** How many videos Generate makes: one, or a grid of seeds that follow one another. */
import { firstSeed, seedAxis } from "../../../lora_ui/assets/model/grid.js";

const KEPT = "studio-videos";
export const MOST = 100;

/** As the page keeps it. */
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

/** What is asked for: the task alone, or with a grid. A wrong seed is left to be told. */
export function wantedVideos(task) {
  const first = firstSeed(task.seed);
  if (videoCount.value === 1 || first === null) return { task };
  return {
    task: { ...task, seed: first },
    grid: { x: seedAxis(first, videoCount.value), y: null },
  };
}
