/** An error in three parts: what happened, why, and what to do next. */
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { say } from "../texts/say.js";

export function problemParts(error) {
  const suggestions = error.suggestions ?? [];
  return [
    el("p", { class: "problem-what", text: error.message }),
    error.cause && el("p", { class: "problem-why", text: error.cause }),
    suggestions.length > 0 &&
      el(
        "ul",
        { class: "problem-next", "aria-label": say("problem.next") },
        suggestions.map((text) => el("li", { text })),
      ),
  ].filter(Boolean);
}
