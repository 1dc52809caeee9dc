/** A grid's axes in words. */
import { say } from "../texts/say.js";
import { titleFor } from "./lora_text.js";

/** Which experts a LoRA is used by. */
export const EXPERTS = {
  both: say("grid.expertBoth"),
  high: say("grid.expertHigh"),
  low: say("grid.expertLow"),
  off: say("grid.expertOff"),
};
const LORAS = { without: say("grid.without"), with: say("grid.with") };

/** One value of an axis, as the head of its column or row. */
export function valueText(of, value) {
  switch (of) {
    case "expert":
      return EXPERTS[value];
    case "loras":
      return LORAS[value];
    case "lora":
      return value === null ? say("grid.noLora") : titleFor(value);
    case "accelerator":
      return value === null ? say("grid.noAccelerator") : titleFor(value);
    default:
      return String(value);
  }
}

/** What an axis changes. */
export function axisText({ of, lora }) {
  switch (of) {
    case "strength":
      return say("grid.ofStrengthOf", { lora: titleFor(lora) });
    case "lora":
      return lora === null ? say("grid.ofMore") : say("grid.inPlace", { lora: titleFor(lora) });
    case "expert":
      return say("grid.ofExpertOf", { lora: titleFor(lora) });
    case "loras":
      return say("grid.ofLoras");
    case "seed":
      return say("grid.ofSeed");
    case "prompt":
      return say("grid.ofPrompt");
    case "steps":
      return say("grid.ofSteps");
    default:
      return say("grid.ofAccelerator");
  }
}
