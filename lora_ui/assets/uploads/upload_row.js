/** The row of one file that is uploaded: its progress, then its verdict or a choice. */

import { actionButton, el } from "../kit/dom.js";
import { bytes, seconds } from "../kit/format.js";
import { expertQuestion } from "../model/expert_question.js";
import { concern, familyName, fits, kindOf, layersText, titleFor } from "../model/lora_text.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";

const KINDS = {
  pair: say("upload.pair"),
  high: say("upload.high"),
  low: say("upload.low"),
  both: say("upload.both"),
  unsure: say("pair.doubt"),
};

/** `handle(action)` hears of `stop`, `dismiss` and whatever choices are offered. */
export class UploadRow {
  state = "waiting"; // waiting, sending, checking, reading, asking, done, failed, skipped
  sent = 0;
  speed = 0;
  stop = { now: null };
  stopped = false;
  #bar;
  #note;
  #choices = el("div", { class: "upload-choices" });
  #button;

  paths = new Set(); // of its files in the library, once they are there
  left = []; // what should have gone beside it
  brought = []; // the names of LoRAs that it brought, or that the library has already
  forVideo = false; // whether they are offered for the video that is being set up

  constructor({ file, folder, beside = [] }, handle) {
    this.file = file;
    this.folder = folder;
    this.beside = beside;
    this.size = [file, ...beside].reduce((sum, { size }) => sum + size, 0);
    this.filename = file.name;
    this.handle = handle;
    this.#bar = el("progress", {
      max: 1,
      value: 0,
      "aria-label": say("upload.of", { file: file.name }),
    });
    this.#note = el("p", {
      class: "upload-note muted",
      text: say("upload.waiting", { what: this.#what() }),
    });
    this.#button = actionButton("stop", say("upload.cancel", { file: file.name }), "close", {
      class: "icon-button",
    });
    this.#button.addEventListener("click", () => handle(this.isOver ? "dismiss" : "stop"));
    this.element = el(
      "li",
      { class: "upload" },
      el("p", {
        class: "upload-name",
        text: file.name,
        title: folder ? `${folder}/${file.name}` : file.name,
      }),
      this.#button,
      this.#bar,
      beside.length > 0 && el("p", { class: "upload-beside muted", text: besideText(beside) }),
      this.#note,
      this.#choices,
    );
  }

  get isOver() {
    return ["done", "failed", "skipped"].includes(this.state);
  }

  begin() {
    this.state = "sending";
    this.sent = 0;
    this.element.classList.remove("upload-asking", "upload-failed");
    this.#choices.replaceChildren();
    this.#bar.hidden = false;
    this.#say(say("upload.starting"), true);
  }

  progress({ sent, total, speed }) {
    this.sent = sent;
    this.speed = speed;
    this.#bar.value = total ? sent / total : 1;
    if (sent >= total) {
      this.state = "checking";
      this.#say(say("upload.checking"), true);
      return;
    }
    const words = [
      say("upload.part", { sent: bytes(sent), total: bytes(total) }),
      say("upload.speed", { size: bytes(speed) }),
      speed > 0 && say("upload.left", { time: seconds((total - sent) / speed) }),
    ];
    this.#say(words.filter(Boolean).join(" · "), true);
  }

  /** Say something and let the person choose: `choices` is `[[label, action], ...]`. */
  ask(text, choices, state = "asking") {
    this.#end(state, "upload-asking", text);
    this.#choices.replaceChildren(
      ...choices.map(([label, action]) => {
        const button = el("button", { type: "button", class: "button", text: label });
        button.addEventListener("click", () => this.handle(action));
        return button;
      }),
    );
  }

  /** `left` are the files that should have gone beside it, with what is wrong with each; `paths`
   * those of its own in the library. */
  done(lora, left, paths) {
    Object.assign(this, { left, paths });
    const without = left.map(({ error }) => error.message).join(" ");
    const told = without && ` ${say("upload.leftOut", { why: without })}`;
    this.#end("done", "upload-done", verdictText(lora) + told);
    const question = expertQuestion(lora, "upload-ask");
    if (question) this.#choices.replaceChildren(question);
    this.#bring([lora.name]);
  }

  /** The library has the file as `existing`. */
  isThere(existing, text, choices) {
    this.ask(text, choices);
    this.#bring([existing]);
  }

  /** `uploads` says what became of each file in an archive: a line for each LoRA, and for others
   * that were left out. */
  unpacked(uploads) {
    const loras = uploads.filter(({ filename }) => /\.(safetensors|sft)$/i.test(filename));
    const stored = loras.filter(({ status }) => status === "stored");
    const [state, style] =
      stored.length > 0 ? ["done", "upload-done"] : ["failed", "upload-failed"];
    this.#end(state, style, say("upload.stored", { stored: stored.length, count: loras.length }));
    const told = uploads.filter((item) => loras.includes(item) || item.status === "refused");
    const lines = told.map((item) => el("li", { text: lineOf(item) }));
    this.#choices.replaceChildren(el("ul", { class: "upload-lines" }, lines));
    this.#bring(stored.map(({ name }) => name));
  }

  /** Offer each LoRA that it brought for the video, unless that has it. */
  showUses() {
    for (const button of this.#choices.querySelectorAll(".upload-use")) {
      button.hidden = store.selection.has(button.dataset.name);
    }
  }

  #bring(names) {
    this.brought = names;
    if (!this.forVideo) return;
    this.#choices.prepend(...names.map((name) => useButton(name, names.length > 1)));
    this.showUses();
  }

  /** Its settings are read. */
  read() {
    this.state = "reading";
    this.element.classList.remove("upload-skipped", "upload-failed", "upload-done");
    this.#bar.hidden = true;
    this.#choices.replaceChildren();
    this.#say(say("upload.readingSettings"), true);
  }

  /** It was taken for something else than the library. */
  taken(text, choices = []) {
    this.ask(text, choices, "done");
    this.element.classList.replace("upload-asking", "upload-done");
  }

  /** It goes with no LoRA and is not sent. */
  leave(why, choices = []) {
    this.ask(why, choices, "skipped");
    this.element.classList.replace("upload-asking", "upload-skipped");
  }

  /** The names of several files that it stands for. */
  list(names) {
    const lines = names.map((text) => el("li", { text }));
    this.#choices.replaceChildren(el("ul", { class: "upload-lines" }, lines));
  }

  fail(error) {
    this.#end("failed", "upload-failed", [error.message, ...(error.suggestions ?? [])].join(" "));
  }

  #end(state, className, text) {
    this.state = state;
    this.element.classList.remove("upload-asking");
    this.element.classList.add(className);
    this.#bar.hidden = true;
    this.#choices.replaceChildren();
    this.#say(text, false);
    if (!this.isOver) return;
    this.#button.setAttribute("aria-label", say("upload.dismiss", { file: this.file.name }));
    this.#button.title = say("toast.dismiss");
  }

  #what() {
    const more = this.beside.length;
    return more > 0
      ? say("upload.withMore", { size: bytes(this.size), count: more })
      : bytes(this.size);
  }

  #say(text, passing) {
    this.#note.textContent = text;
    this.#note.classList.toggle("muted", passing);
    if (!passing) this.#note.setAttribute("role", "status");
  }
}

/** Adds a LoRA to the stack; of several, it says which. */
function useButton(name, isOneOfMany) {
  const title = titleFor(name);
  const button = el("button", {
    type: "button",
    class: "button upload-use",
    dataset: { name },
    text: isOneOfMany ? say("upload.addOne", { title }) : say("upload.add"),
  });
  button.addEventListener("click", () => store.select(name));
  return button;
}

/** "With a.png, a.json" */
function besideText(files) {
  return say("upload.with", { files: files.map(({ name }) => name).join(", ") });
}

function lineOf({ filename, status, name, error }) {
  if (status === "stored") return verdictText(store.byName.get(name) ?? { name });
  return error ? `${filename}: ${error.message}` : filename;
}

/** "fits T2V-A14B · high+low pair · rank 32 · 400/400 layers", with what is missing. */
function verdictText(lora) {
  const parts = [
    fits(lora, store.model) ? say("upload.fits", { model: store.modelTitle }) : elsewhere(lora),
    KINDS[kindOf(lora)],
    lora.rank ? say("lora.rank", { rank: lora.rank }) : familyName(lora),
    fits(lora, store.model) && layersText(lora, store.model),
    lora.missing_half === "high" && say("upload.highMissing"),
    lora.missing_half === "low" && say("upload.lowMissing"),
  ];
  return `${lora.name}: ${parts.filter(Boolean).join(" · ")}`;
}

function elsewhere(lora) {
  const others = store
    .oneOfEachKind(Object.keys(lora.verdicts ?? {}).filter((model) => fits(lora, model)))
    .map((model) => store.titleOfModel(model));
  if (others.length === 0) return concern(lora, store.model) || say("upload.unknown");
  return say("upload.fitsOthers", { models: others.join(", "), model: store.modelTitle });
}
