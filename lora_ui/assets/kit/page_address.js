/**
 * Address of what is shown: parts of the page's hash, such as the tab, a LoRA, a filter.
 *
 * In the app of its own the hash is a path: `#loras/NAME?q=words`, `#video/ID`, `#grid/ID`. A host's page may
 * use the hash itself, and may hold several extensions: there each part is a key of its own with
 * the extension's name, `lora-KEY=NAME`, and all that is not ours stays as it is.
 */
import { address } from "./api.js";

const OPENED = "loraStudioOpened"; // in the history's state: Back closes what this entry opened
const HOSTED = /\/lora-studio\/([^/]+)\//;
const HOSTED_PARTS = ["lora", "lorasFilter"];
const TABS = ["generate", "loras", "gallery", "models"];

/** Event: change, when the browser went back or forth, or a link was followed. */
class PageAddress extends EventTarget {
  #key = HOSTED.exec(new URL(address("")).pathname)?.[1] ?? null;
  #parts = this.#read();

  constructor() {
    super();
    for (const event of ["popstate", "hashchange"]) {
      addEventListener(event, () => this.#moved());
    }
  }

  /** A part of the address; null where it has none. */
  get(part) {
    return this.#parts[part] ?? null;
  }

  /** Change parts; null takes one out. With `push` the browser's Back leads to what was before. */
  set(changes, { push = false, opened = false } = {}) {
    const parts = Object.fromEntries(
      Object.entries({ ...this.#parts, ...changes }).filter(([, value]) => value),
    );
    const hash = this.#written(parts);
    this.#parts = parts;
    if (hash === null || hash === location.hash) return;
    const { pathname, search } = location;
    const mark = push ? opened : (history.state?.[OPENED] ?? false);
    const state = { ...history.state, [OPENED]: mark };
    history[push ? "pushState" : "replaceState"](state, "", hash || `${pathname}${search}`);
  }

  /**
   * `value` was opened: Back closes it. Gives a function that is called once it is closed, with
   * what was shown last.
   */
  open(part, value) {
    if (this.get(part) !== value) this.set({ [part]: value }, { push: true, opened: true });
    return (last = value) =>
      // Later, since what closed it may lead elsewhere at once.
      setTimeout(() => {
        if (this.get(part) !== last) return;
        if (history.state?.[OPENED]) history.back();
        else this.set({ [part]: null });
      });
  }

  #moved() {
    const now = this.#read();
    if (JSON.stringify(now) === JSON.stringify(this.#parts)) return;
    this.#parts = now;
    this.dispatchEvent(new Event("change"));
  }

  #read() {
    return this.#key === null ? ownParts(location.hash) : hostedParts(location.hash, this.#key);
  }

  /** null where the hash is another's, who would not know it again. */
  #written(parts) {
    return this.#key === null ? ownHash(parts) : hostedHash(location.hash, parts, this.#key);
  }
}

function ownParts(hash) {
  const [, path, query] = /^#?([^?]*)\??(.*)$/.exec(hash);
  const [place, ...rest] = path.split("/");
  const name = decoded(rest.join("/"));
  if (["video", "grid"].includes(place) && name) return { tab: "gallery", [place]: name };
  if (!TABS.includes(place)) return { tab: "generate" };
  const parts = { tab: place };
  if (place === "loras" && name) parts.lora = name;
  if (query && ["loras", "gallery"].includes(place)) parts[`${place}Filter`] = query;
  return parts;
}

function ownHash({ tab, lora, video, grid, ...filters }) {
  if (video) return `#video/${encodeURIComponent(video)}`;
  if (grid) return `#grid/${encodeURIComponent(grid)}`;
  const named = tab === "loras" && lora ? `/${encodeURIComponent(lora)}` : "";
  const filter = filters[`${tab}Filter`];
  if (!tab || tab === "generate") return "";
  return `#${tab}${named}${filter ? `?${filter}` : ""}`;
}

function hostedParts(hash, key) {
  const parts = {};
  for (const pair of pairsOf(hash)) {
    const part = partOf(pair, key);
    if (part) parts[part] = decoded(pair.slice(pair.indexOf("=") + 1));
  }
  return parts;
}

function hostedHash(hash, parts, key) {
  const pairs = pairsOf(hash);
  if (pairs.some((pair) => !pair.includes("="))) return null;
  const others = pairs.filter((pair) => !partOf(pair, key));
  const own = Object.entries(parts).map(
    ([name, value]) => `${name}-${key}=${encodeURIComponent(value)}`,
  );
  const all = [...others, ...own].join("&");
  return all && `#${all}`;
}

/** Which part of ours a pair is; undefined for what is another's. */
function partOf(pair, key) {
  const name = pair.slice(0, pair.indexOf("="));
  return HOSTED_PARTS.find((part) => name === `${part}-${key}`);
}

function pairsOf(hash) {
  return hash.slice(1).split("&").filter(Boolean);
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // typed by hand
  }
}

export const pageAddress = new PageAddress();
