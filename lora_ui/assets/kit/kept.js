/**
 * What the browser keeps for this extension, as text by name: for good, or for this tab. A browser
 * that keeps nothing, as in a frame of another site, is asked in vain and raises nothing.
 */
import { address } from "./api.js";

/** A name that no other extension of the page shares; in the app of its own as it is. */
export function ownName(name) {
  const { pathname } = new URL(address(""));
  return pathname.includes("/lora-studio/") ? `${name}:${pathname}` : name;
}

class Kept {
  #area;

  /** `area()` gives the browser's storage, which may be out of reach. */
  constructor(area) {
    this.#area = area;
  }

  get(name) {
    return this.#try((storage) => storage.getItem(ownName(name)));
  }

  set(name, text) {
    this.#try((storage) => storage.setItem(ownName(name), text));
  }

  remove(name) {
    this.#try((storage) => storage.removeItem(ownName(name)));
  }

  #try(act) {
    try {
      return act(this.#area()) ?? null;
    } catch {
      return null;
    }
  }
}

export const keptForGood = new Kept(() => localStorage);
export const keptForTab = new Kept(() => sessionStorage);
