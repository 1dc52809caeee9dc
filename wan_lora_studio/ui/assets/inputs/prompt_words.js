/** Under the prompt of a small model: a sentence of the words it knows, and the words it doesn't. */
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { form } from "../../../lora_ui/assets/model/form.js";
import { store } from "../../../lora_ui/assets/model/store.js";
import { say } from "../texts/say.js";
import { knownWords, sentence, unknownIn } from "./known_words.js";

export function mount({ element, options }) {
  element.classList.add("lora-ui", "prompt-words");
  const warning = el("p", { class: "prompt-unknown", role: "status" });
  element.replaceChildren(warning); // also while it is hidden, as the page waits for its parts
  let selects = [];
  let words; // none until the first build

  function build() {
    // Before the library was read, the form alone knows the model.
    const model = store.model || form.values.model_type || options.model;
    const found = options.models[model] ?? null;
    if (found === words) return;
    words = found;
    element.closest(".script-panel")?.classList.toggle("hidden-panel", words === null);
    if (words === null) return;
    selects = Object.entries(words.choices).map(([name, choices]) => select(name, choices));
    element.replaceChildren(
      el(
        "p",
        { class: "prompt-sentence" },
        el("span", { text: say("words.knows") }),
        " ",
        ...sentenceParts(),
      ),
      warning,
    );
    draw();
  }

  function select(name, choices) {
    const found = el(
      "select",
      { "aria-label": name, dataset: { name } },
      ...Object.keys(choices).map((word) => el("option", { value: word, text: word })),
    );
    found.addEventListener("change", () => write());
    return found;
  }

  /** The sentence's own words, with the lists in their places. */
  function sentenceParts() {
    return words.sentence.split(/(\{\w+\})/).map((part) => {
      const name = part.match(/^\{(\w+)\}$/)?.[1];
      return name
        ? selects.find((each) => each.dataset.name === name)
        : document.createTextNode(part);
    });
  }

  function write() {
    const chosen = Object.fromEntries(selects.map((each) => [each.dataset.name, each.value]));
    form.change(() => ({ prompt: sentence(words.sentence, chosen) }));
  }

  function draw() {
    if (!words) return;
    const prompt = form.values.prompt ?? "";
    const found = knownWords(prompt, words.choices);
    for (const each of selects) if (found[each.dataset.name]) each.value = found[each.dataset.name];
    const unknown = unknownIn(prompt, words.known);
    warning.hidden = unknown.length === 0;
    warning.textContent =
      unknown.length === 0
        ? ""
        : say("words.unknown", { words: unknown.map((word) => `“${word}”`).join(", ") });
  }

  for (const event of ["model", "library"]) store.addEventListener(event, build);
  form.addEventListener("form", () => {
    build();
    draw();
  });
  build();
}
