/** The texts of the app's own page. */
import { translation } from "../../../lora_ui/assets/texts/language.js";
import { speaker } from "../../../lora_ui/assets/texts/speaker.js";
import english from "./english.js";

const own = { de: () => import("./german.js"), "zh-CN": () => import("./chinese.js") };

export const say = speaker(english, await translation(own));
