/** Seed dice: a button at the seed that writes a random one into it. */
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { form } from "../../../lora_ui/assets/model/form.js";
import { say } from "../texts/say.js";
import { placeOf } from "./places.js";

const SEEDS = 2 ** 32;

/** Put the button beside the field that is on the page, once. */
export function offerSeeds() {
  const place = placeOf("seed");
  if (!place || place.querySelector(".seed-dice")) return;
  const button = el("button", { type: "button", class: "seed-dice", text: say("field.roll") });
  button.addEventListener("click", () => {
    form.change(() => ({ seed: String(Math.floor(Math.random() * SEEDS)) }));
  });
  place.append(button);
}
