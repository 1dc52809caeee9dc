/** The texts of the LoRA tab and of the controls on the generation tab. */
import english from "./english.js";
import { translation } from "./language.js";
import { speaker } from "./speaker.js";

const own = { de: () => import("./german.js"), "zh-CN": () => import("./chinese.js") };

export const say = speaker(english, await translation(own));
