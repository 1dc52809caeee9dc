/**
 * LoRAs that are offered where `<` is typed into a prompt. The one that is chosen becomes a row of
 * the stack, as one that is written out does.
 */
import { el } from "../kit/dom.js";
import { forgivenText } from "../library/search_tools.js";
import { form } from "../model/form.js";
import { foundByWords } from "../model/library_query.js";
import {
  concern,
  expertBadge,
  facts,
  nameBelow,
  refused,
  thumbnail,
  titleOf,
} from "../model/lora_text.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";
import { addToVideo } from "../uploads/for_video.js";
import { keepingCaret } from "./caret.js";

const LABEL = say("controls.title");
const SELECTED = say("prompt.inVideo");
const HOW = say("prompt.how");
const MOST = 8; // LoRAs that are offered at once
const LONGEST = 80; // characters from the bracket to the caret
const EDGE = 8;
const FRAGMENT = /[<＜](?:(?:lora|lyco)[:：]\s*)?((?:[^\s<>＜＞:：][^<>＜＞:：\n]*)?)$/i;
const WORD = "lora"; // what someone may be about to write, not to look for
const PROMPTS = ["prompt", "negative_prompt"];
const SHOWN = { role: "combobox", "aria-haspopup": "listbox", "aria-autocomplete": "list" };

/** Event: closed. */
class PromptChoices extends EventTarget {
  #prompts = new WeakSet(); // fields of the page that are known to be prompts
  #field = null; // whose list is open
  #fragment = null; // {start, end}: what was typed
  #declined = -1; // the start of one for which the list was closed
  #frame = 0;
  #active = 0;
  #names = [];
  #list = el("ul", { role: "listbox", id: `choices-${crypto.randomUUID()}`, "aria-label": LABEL });
  #said = el("p", { class: "muted", role: "status" });
  #box = el("div", { class: "lora-popover prompt-choices" }, this.#said, this.#list);
  #before = {}; // the field's attributes while the list is closed

  get isOpen() {
    return this.#field !== null;
  }

  /** Offer LoRAs in the prompts; call it once. */
  start() {
    this.#box.popover = "manual";
    document.addEventListener("input", ({ target }) => this.#soon(target));
    document.addEventListener("keydown", (event) => this.#pressed(event), { capture: true });
    document.addEventListener("selectionchange", () => this.isOpen && this.#soon(this.#field));
    document.addEventListener("focusout", ({ target }) => target === this.#field && this.#close());
    form.addEventListener("form", () => this.#learn());
    for (const event of ["scroll", "resize"]) {
      addEventListener(event, () => this.isOpen && this.#place(), { capture: true, passive: true });
    }
    // The field keeps the focus, whatever is tapped.
    this.#box.addEventListener("pointerdown", (event) => event.preventDefault());
    this.#box.addEventListener("mousedown", (event) => event.preventDefault());
    this.#list.addEventListener("click", ({ target }) => {
      const choice = target.closest("[role=option]");
      if (choice) this.#choose(choice.dataset.name);
    });
  }

  /** A field that holds what the form says of a prompt is one. */
  #learn() {
    const field = document.activeElement;
    if (field?.tagName !== "TEXTAREA" || field.value === "" || this.#prompts.has(field)) return;
    if (!PROMPTS.some((name) => form.values[name] === field.value)) return;
    this.#prompts.add(field);
    this.#soon(field);
  }

  /** Once the key is on the screen: a search never holds up the next one. */
  #soon(field) {
    if (!this.#prompts.has(field)) return;
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => setTimeout(() => this.#look(field)));
  }

  #look(field) {
    const found = document.activeElement === field ? fragmentIn(field) : null;
    if (found?.start !== this.#declined) this.#declined = -1;
    if (!found || this.#declined !== -1) {
      this.#close();
      return;
    }
    const { cards, forgiven } = offered(found.words);
    if (cards.length === 0) {
      this.#close();
      return;
    }
    this.#fragment = found;
    this.#show(field, cards, forgivenText(forgiven));
  }

  #show(field, cards, forgiven) {
    const names = cards.map(({ name }) => name);
    const kept = names.indexOf(this.#names[this.#active]);
    const same = names.join("\n") === this.#names.join("\n");
    this.#names = names;
    this.#list.replaceChildren(...cards.map((card, at) => choice(card, this.#idOf(at))));
    this.#open(field);
    this.#activate(same && kept >= 0 ? kept : 0);
    const said = [forgiven, HOW].filter(Boolean).join(" ");
    if (this.#said.textContent !== said) this.#said.textContent = said;
    this.#place();
  }

  #open(field) {
    if (this.#field === field) return;
    this.#close();
    this.#field = field;
    (field.closest("dialog") ?? document.body).append(this.#box);
    this.#box.showPopover();
    const now = { ...SHOWN, "aria-expanded": "true", "aria-controls": this.#list.id };
    this.#before = {};
    for (const [name, value] of Object.entries(now)) {
      this.#before[name] = field.getAttribute(name);
      field.setAttribute(name, value);
    }
  }

  #close() {
    cancelAnimationFrame(this.#frame);
    const field = this.#field;
    if (field === null) return;
    this.#field = null;
    this.#names = [];
    this.#box.remove();
    field.removeAttribute("aria-activedescendant");
    for (const [name, value] of Object.entries(this.#before)) {
      if (value === null) field.removeAttribute(name);
      else field.setAttribute(name, value);
    }
    this.dispatchEvent(new Event("closed"));
  }

  #idOf(at) {
    return `${this.#list.id}-${at}`;
  }

  #activate(at) {
    this.#active = at;
    for (const [index, option] of [...this.#list.children].entries()) {
      option.setAttribute("aria-selected", String(index === at));
      if (index === at) option.scrollIntoView({ block: "nearest" });
    }
    this.#field.setAttribute("aria-activedescendant", this.#idOf(at));
  }

  #pressed(event) {
    if (!this.isOpen || event.target !== this.#field || event.isComposing) return;
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const count = this.#names.length;
    const acts = {
      ArrowDown: () => this.#activate((this.#active + 1) % count),
      ArrowUp: () => this.#activate((this.#active + count - 1) % count),
      Enter: () => this.#choose(this.#names[this.#active]),
      Tab: () => this.#choose(this.#names[this.#active]),
      Escape: () => this.#decline(),
    };
    if (!Object.hasOwn(acts, event.key)) return;
    event.preventDefault();
    event.stopPropagation();
    acts[event.key]();
  }

  #decline() {
    this.#declined = this.#fragment.start;
    this.#close();
  }

  /** What was typed goes, and the LoRA joins the stack once the form knows. */
  #choose(name) {
    const field = this.#field;
    const { start, end } = this.#fragment;
    this.#close();
    field.setSelectionRange(start, end);
    // This way the browser's own undo brings it back.
    if (!document.execCommand("delete")) field.setRangeText("", start, end, "end");
    const text = field.value;
    const join = () => {
      if (!PROMPTS.some((each) => (form.values[each] ?? "") === text)) return;
      form.removeEventListener("form", join);
      if (!store.selection.has(name)) keepingCaret(() => addToVideo(name));
    };
    form.addEventListener("form", join);
    field.dispatchEvent(new Event("input", { bubbles: true }));
    join();
  }

  #place() {
    const field = this.#field.getBoundingClientRect();
    const room = visualViewport?.height ?? innerHeight;
    const { offsetWidth: width, offsetHeight: height } = this.#box;
    const below = field.bottom + 4 + height <= room - EDGE || field.top < room - field.bottom;
    const left = Math.max(EDGE, Math.min(field.left, innerWidth - width - EDGE));
    this.#box.style.left = `${left}px`;
    this.#box.style.top = `${below ? field.bottom + 4 : Math.max(EDGE, field.top - height - 4)}px`;
  }
}

/** The bracket before the caret with what is typed behind it; null where there is none. */
function fragmentIn({ value, selectionStart: end, selectionEnd }) {
  if (end !== selectionEnd) return null;
  const from = Math.max(0, end - LONGEST);
  const match = FRAGMENT.exec(value.slice(from, end));
  return match && { start: from + match.index, end, words: match[1].trim() };
}

/** What fits comes first, and of that what was used last. */
function offered(words) {
  const { groups, forgiven } = foundByWords(words);
  const recent = new Map(store.recent.map((name, at) => [name, at]));
  const cards = [];
  for (const { key, cards: some } of groups) {
    if (key === "broken" || cards.length === MOST) continue;
    const used = some.filter(({ name }) => recent.has(name));
    used.sort((a, b) => recent.get(a.name) - recent.get(b.name));
    const others = some.filter(({ name }) => !recent.has(name));
    cards.push(...[...used, ...others].slice(0, MOST - cards.length));
  }
  if (cards.length === 0 && words !== "" && WORD.startsWith(words.toLowerCase()))
    return offered("");
  return { cards, forgiven };
}

function choice(card, id) {
  const unfit = refused(card, store.model);
  const below = [nameBelow(card), facts(card)].filter(Boolean).join(" · ");
  const said = store.selection.has(card.name) ? SELECTED : below;
  return el(
    "li",
    {
      role: "option",
      id,
      class: unfit ? "prompt-choice card-unfit" : "prompt-choice",
      dataset: { name: card.name },
    },
    thumbnail(card, "stack-picture"),
    el("span", { class: "picker-name", text: titleOf(card) }),
    expertBadge(card) ?? el("span"),
    el("span", { class: "picker-facts muted", text: unfit ? concern(card, store.model) : said }),
  );
}

export const promptChoices = new PromptChoices();
