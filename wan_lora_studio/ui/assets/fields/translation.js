/** Translation: what the model's own negative prompt says, in a language that the reader knows. */
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { form } from "../../../lora_ui/assets/model/form.js";
import { say } from "../texts/say.js";
import { factsOf } from "./facts.js";

export function mount({ element }) {
  const text = el("p", { class: "muted translation" });
  element.classList.add("lora-ui");
  element.replaceChildren(text);
  const draw = () => {
    const { prompt, translation } = factsOf()?.negative ?? {};
    // A prompt that was changed says something else.
    text.hidden = !translation || form.values.negative_prompt !== prompt;
    text.textContent = text.hidden ? "" : say("field.translation", { translation });
  };
  form.addEventListener("form", draw);
  draw();
}
