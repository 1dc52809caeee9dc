/** The texts of the app's own page. */
import { speaker } from "../../../lora_ui/assets/texts/speaker.js";
import english from "./english.js";

export const say = speaker(english);
