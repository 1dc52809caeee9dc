/** Taking over the settings of a video that is chosen or dropped on the tab. */
import { el, icon } from "../../lora_ui/assets/dom.js";
import { acceptDrops } from "../../lora_ui/assets/drop_zone.js";
import { toastError } from "../../lora_ui/assets/toasts.js";
import { pictureInput, takePictureFile } from "./picture.js";
import { restoreFromFile } from "./restore.js";

const SETTINGS = /\.(mp4|json)$/i;

export function mount({ element }) {
  const input = el("input", {
    type: "file",
    accept: ".mp4,.json,video/mp4,application/json",
    class: "visually-hidden",
    id: "settings-file",
    tabindex: "-1",
    "aria-hidden": "true",
  });
  const button = el(
    "button",
    { type: "button", class: "button button-quiet" },
    icon("upload"),
    "Load settings from a video",
  );
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    take([...input.files]);
    input.value = "";
  });
  element.classList.add("lora-ui", "load-settings");
  element.replaceChildren(
    button,
    input,
    el("p", { class: "muted", text: "or drop it, or its JSON, anywhere on this tab." }),
  );
  acceptDrops(element.closest("#generate-columns") ?? element, take);
}

async function take(files) {
  const [file] = files;
  if (!file) return;
  if (SETTINGS.test(file.name)) await restoreFromFile(file);
  else if (file.type.startsWith("image/") && pictureInput.use !== "none")
    await takePictureFile(file);
  else toastError(unwanted(file));
}

function unwanted(file) {
  return {
    message: `${file.name} is nothing that this tab takes.`,
    suggestions: [
      pictureInput.use === "none"
        ? "Drop an MP4 that carries its settings, or the JSON beside it. The chosen model takes no input picture."
        : "Drop an MP4 that carries its settings, the JSON beside it, or an input picture.",
      "LoRA files go on the LoRAs tab.",
    ],
  };
}
