/**
 * The grid of cards. Only those near the window are in the page, so that five thousand cost no
 * more than fifty; which ones follows the scroll position.
 */

import { el } from "../kit/dom.js";
import { say } from "../texts/say.js";
import { DENSITIES, layOut, linesBetween, neighbour } from "./card_layout.js";
import { card, refreshCard } from "./cards.js";

const BEYOND = 1.2; // window heights that are built above and below
const AT_ONCE = 0.1; // the same, for what has to be seen at once; the rest comes a frame later
const SKELETONS = 12;

export class CardGrid {
  element = el("ul", { class: "cards", "aria-label": say("library.grid") });
  density = "medium";
  current = null; // the name that the keyboard is at
  #groups = [];
  #shown = [];
  #names = [];
  #built = new Map(); // name -> {element, record}
  #headings = new Map();
  #layout = layOut([], "medium", 0);
  #width = 0;
  #frame = 0;
  #waiting = true; // for the first cards; skeletons stand in their place

  constructor() {
    document.addEventListener("scroll", () => this.#soon(), { capture: true, passive: true });
    new ResizeObserver(() => this.#resized()).observe(this.element);
    new IntersectionObserver(() => this.#soon()).observe(this.element);
    this.element.addEventListener("focusin", ({ target }) => this.#focused(target));
  }

  /** The names in the order shown. */
  get names() {
    return this.#names;
  }

  /** Show these groups of cards; see `found`. */
  show(groups) {
    this.#waiting = false;
    this.#groups = groups;
    this.#shown = groups.flatMap((group) => group.cards);
    this.#names = this.#shown.map((record) => record.name);
    this.#arrange(AT_ONCE);
    if (this.#width > 0) this.#afterPainting();
  }

  showSkeletons() {
    this.#waiting = true;
    this.#width = 0;
    const item = () => el("li", { class: "card card-skeleton", "aria-hidden": "true" });
    this.element.replaceChildren(...Array.from({ length: SKELETONS }, item));
    this.#built.clear();
    this.#headings.clear();
  }

  setDensity(density) {
    this.density = density in DENSITIES ? density : "medium";
    this.element.dataset.density = this.density;
    this.#arrange();
  }

  /** Let every card that is built show what has changed around it. */
  refresh() {
    for (const { element } of this.#built.values()) refreshCard(element);
  }

  /** Build anew the cards that are shown: the model has changed. */
  rebuild() {
    for (const { element } of this.#built.values()) element.remove();
    this.#built.clear();
    this.#render();
  }

  cardOf(name) {
    return this.#built.get(name)?.element ?? null;
  }

  /** Move the keyboard's place by one key press; gives the name it is at now. */
  step(key) {
    const index = Math.max(0, this.#names.indexOf(this.current));
    return this.focus(this.#names[neighbour(this.#layout, index, key, innerHeight)]);
  }

  /** Scroll to a card and put the focus on it. */
  focus(name) {
    const index = this.#names.indexOf(name);
    if (index < 0) return null;
    const line = this.#layout.lines.find(
      (item) => index >= item.from && index < item.from + item.count,
    );
    const top = this.element.getBoundingClientRect().top + line.top;
    const roof = 72; // the toolbar stays over the cards
    if (top < roof) scrollBy({ top: top - roof });
    else if (top + line.height > innerHeight - 8)
      scrollBy({ top: top + line.height - innerHeight + 8 });
    this.current = name;
    this.#render();
    this.cardOf(name)?.querySelector(".card-pick").focus({ preventScroll: true });
    return name;
  }

  #soon() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#render();
    });
  }

  #afterPainting() {
    requestAnimationFrame(() => setTimeout(() => this.#soon()));
  }

  #resized() {
    const width = this.element.clientWidth;
    if (width > 0 && width !== this.#width) this.#arrange();
  }

  #arrange(beyond = BEYOND) {
    if (this.#waiting) return;
    this.#width = this.element.clientWidth;
    this.#layout = layOut(this.#groups, this.density, this.#width);
    this.element.style.height = `${this.#layout.height}px`;
    this.#render(beyond);
  }

  #render(beyond = BEYOND) {
    if (this.#waiting) return;
    if (this.#shown.length === 0) {
      this.#place([]);
      this.#forget([]);
    }
    if (this.#width === 0 || this.element.offsetParent === null) return;
    const top = -this.element.getBoundingClientRect().top;
    const margin = innerHeight * beyond;
    const lines = linesBetween(this.#layout, top - margin, top + innerHeight + margin);
    const items = lines.flatMap((line) =>
      line.heading ? [this.#heading(line)] : this.#line(line),
    );
    this.#place(items);
    if (beyond === BEYOND) this.#forget(items);
    this.#reachable(top);
  }

  #line({ top, from, count }) {
    const { cardWidth, cardHeight, gap } = this.#layout;
    return this.#shown.slice(from, from + count).map((record, column) => {
      const element = this.#cardFor(record);
      const { style } = element;
      style.width = `${cardWidth}px`;
      style.height = `${cardHeight}px`;
      style.transform = `translate(${column * (cardWidth + gap)}px, ${top}px)`;
      element.setAttribute("aria-posinset", from + column + 1);
      element.setAttribute("aria-setsize", this.#shown.length);
      return element;
    });
  }

  #cardFor(record) {
    const built = this.#built.get(record.name);
    if (built && isSame(built.record, record)) {
      built.record = record;
      return built.element;
    }
    const element = card(record);
    const focused = built?.element.contains(document.activeElement) && document.activeElement;
    built?.element.replaceWith(element);
    this.#built.set(record.name, { element, record });
    if (focused) {
      const same = element.querySelector(`[data-action="${focused.dataset.action}"]`);
      (same ?? element.querySelector(".card-pick")).focus({ preventScroll: true });
    }
    return element;
  }

  #heading({ key, heading, top }) {
    const item = this.#headings.get(key) ?? el("li", { class: "cards-heading" }, el("h3"));
    item.firstChild.textContent = heading;
    item.style.transform = `translateY(${top}px)`;
    this.#headings.set(key, item);
    return item;
  }

  /** Make the list hold these items in this order, moving as little as possible. */
  #place(items) {
    const wanted = new Set(items);
    for (const element of [...this.element.children]) {
      if (!wanted.has(element)) element.remove();
    }
    let next = this.element.firstChild;
    for (const element of items) {
      if (element === next) next = next.nextSibling;
      else this.element.insertBefore(element, next);
    }
  }

  /** Let go of the cards that are not among these. */
  #forget(items) {
    const kept = new Set(items);
    for (const [name, { element }] of this.#built) {
      if (!kept.has(element)) this.#built.delete(name);
    }
  }

  /** One card at a time can be reached with Tab: the current one, or the first in sight. */
  #reachable(top) {
    if (!this.#built.has(this.current)) {
      const inSight = linesBetween(this.#layout, top, top + innerHeight).find(
        (line) => !line.heading,
      );
      this.current = inSight ? this.#names[inSight.from] : null;
    }
    for (const [name, { element }] of this.#built) setReachable(element, name === this.current);
  }

  #focused(target) {
    const name = target.closest(".card")?.dataset.name;
    if (name === undefined || name === this.current) return;
    const before = this.cardOf(this.current);
    if (before) setReachable(before, false);
    this.current = name;
    setReachable(this.cardOf(name), true);
  }
}

/** Each reading of the library brings new records, most of which say what they said before. */
function isSame(before, now) {
  return before === now || JSON.stringify(before) === JSON.stringify(now);
}

function setReachable(element, reachable) {
  if (element.dataset.reachable === String(reachable)) return;
  element.dataset.reachable = String(reachable);
  for (const button of element.querySelectorAll("button")) button.tabIndex = reachable ? 0 : -1;
}
