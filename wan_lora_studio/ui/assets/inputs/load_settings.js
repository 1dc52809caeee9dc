/** Taking over the settings of a video or picture that is chosen. */
import { el, icon } from "../../../lora_ui/assets/kit/dom.js";
import { say } from "../texts/say.js";
import { restoreFromFile } from "./result_settings.js";

const PICTURES = ["png", "jpg", "jpeg", "webp", "gif", "avif"];

export function mount({ element }) {
  const input = el("input", {
    type: "file",
    accept: [".mp4", ".webm", ".json", ".txt", ...PICTURES.map((ending) => `.${ending}`)].join(","),
    class: "visually-hidden",
    id: "settings-file",
    tabindex: "-1",
    "aria-hidden": "true",
  });
  const button = el(
    "button",
    { type: "button", class: "button button-quiet" },
    icon("upload"),
    say("settings.load"),
  );
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    if (input.files.length > 0) restoreFromFile(input.files[0]);
    input.value = "";
  });
  element.classList.add("lora-ui", "load-settings");
  element.replaceChildren(
    button,
    input,
    el("p", {
      class: "muted",
      text: say("settings.loadHint"),
    }),
  );
}
