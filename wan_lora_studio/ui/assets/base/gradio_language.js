/** The language of Gradio's own labels: it asks the browser, and is told of one that was chosen by hand. */
import { language } from "../../../lora_ui/assets/texts/language.js";

const CORE = /\/assets\/core-[^/]+\.js$/; // the module that has Gradio's languages

export async function tellGradio() {
  if (navigator.language.startsWith(language)) return;
  const core = performance.getEntriesByType("resource").find(({ name }) => CORE.test(name));
  const { changeLocale } = core ? await import(core.name) : {};
  changeLocale?.(language); // without it, the labels stay in the browser's language
}
