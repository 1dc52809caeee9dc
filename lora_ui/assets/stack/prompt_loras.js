/**
 * LoRAs that are written into a prompt, as `<lora:style:0.8>`: they become rows of the stack and
 * leave the prompt. What cannot be read is said below, with other notation that is not supported.
 */
import { request } from "../kit/api.js";
import { el } from "../kit/dom.js";
import { toast } from "../kit/toasts.js";
import { form } from "../model/form.js";
import { titleFor } from "../model/lora_text.js";
import { store } from "../model/store.js";
import { isSeparate } from "../model/strengths.js";
import { say } from "../texts/say.js";
import { keepingCaret } from "./caret.js";
import { promptChoices } from "./prompt_choices.js";

const PAUSE_MS = 1000; // without a key: the text is as it is meant to be
const NOTATION = /[<＜&{}()[\]\\]|__|BREAK|embedding:/;
const AT_ONCE = ["insertFromPaste", "insertFromDrop"];
const FIELDS = ["prompt", "negative_prompt"];

/** The notes on the prompts; while they stand in the page, the prompts are read. */
export function createPromptNotes() {
  const notes = el("ul", {
    class: "prompt-notes",
    role: "status",
    "aria-label": say("prompt.about"),
    hidden: true,
  });
  const reader = new PromptReader((texts) => {
    notes.hidden = texts.length === 0;
    notes.replaceChildren(...texts.map((text) => el("li", { text })));
  });
  reader.start();
  promptChoices.start();
  return notes;
}

class PromptReader {
  #show;
  #timer = 0;
  #turn = 0;
  #read = "";
  #declined = new Set(); // tags that were put back by Undo
  #input = "";

  constructor(show) {
    this.#show = show;
  }

  start() {
    document.addEventListener("input", ({ inputType }) => {
      this.#input = inputType ?? "";
    });
    document.addEventListener("focusout", () => this.#soon(0));
    form.addEventListener("form", () => this.#soon(this.#pause()));
    store.addEventListener("library", () => {
      this.#read = ""; // a LoRA that was not there may be there now
      this.#soon(this.#pause());
    });
    promptChoices.addEventListener("closed", () => this.#soon(this.#pause()));
  }

  /** A text that is pasted is finished; one that is typed once the keys rest or the field is left. */
  #pause() {
    const field = document.activeElement;
    const typing = field?.tagName === "TEXTAREA" && Object.values(prompts()).includes(field.value);
    return typing && !AT_ONCE.includes(this.#input) ? PAUSE_MS : 0;
  }

  #soon(after) {
    const sent = prompts();
    const key = JSON.stringify(sent);
    if (!form.restored || key === this.#read || promptChoices.isOpen) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(sent, key), after);
  }

  async #ask(sent, key) {
    const mine = ++this.#turn;
    this.#read = key;
    for (const tag of this.#declined) if (!key.includes(asInJson(tag))) this.#declined.delete(tag);
    if (!FIELDS.some((name) => NOTATION.test(sent[name]))) {
      this.#show([]);
      return;
    }
    try {
      const found = await request("POST", "api/selection/prompt", { body: sent });
      if (mine !== this.#turn) return;
      this.#show([...found.unread, ...found.warnings]);
      if (found.tags.some((tag) => !this.#declined.has(tag))) this.#take(sent, found);
    } catch {
      if (mine === this.#turn) this.#read = ""; // asked again with the next change
    }
  }

  #take(sent, found) {
    const now = prompts();
    // What was typed during the answer is read by itself, with these LoRAs still in it.
    if (FIELDS.some((name) => now[name] !== sent[name])) return;
    const names = Object.keys(found.selected_loras);
    const restore = store.stack.restorer();
    keepingCaret(() =>
      form.change((values) => {
        // What was typed meanwhile is read by itself.
        if (FIELDS.some((name) => (values[name] ?? "") !== sent[name])) return null;
        return changed(sent, found);
      }),
    );
    for (const [name, strength] of Object.entries(found.selected_loras)) {
      store.stack.add(name, strength, isSeparate(strength) ? { split: true } : {});
    }
    const undo = () => {
      restore();
      this.#declined = new Set(found.tags);
      form.change((values) => putBack(values, sent, found));
    };
    const titles = names.map(titleFor).join(", ");
    toast(say("prompt.taken", { count: names.length, titles }), {
      action: { label: say("action.undo"), run: undo },
    });
  }
}

function prompts() {
  return Object.fromEntries(FIELDS.map((name) => [name, form.values[name] ?? ""]));
}

/** Only the fields that are others now: the rest is not touched. */
function changed(from, to) {
  return Object.fromEntries(
    FIELDS.filter((name) => from[name] !== to[name]).map((name) => [name, to[name]]),
  );
}

/** As it was written; after what was typed since, where something was. */
function putBack(values, sent, found) {
  const same = FIELDS.every((name) => (values[name] ?? "") === found[name]);
  if (same) return changed(found, sent);
  return { prompt: [values.prompt ?? "", ...found.tags].filter(Boolean).join(" ") };
}

function asInJson(text) {
  return JSON.stringify(text).slice(1, -1);
}
