/** Taking over the settings of a video or picture that is chosen or dropped on the tab. */
import { el, icon } from "../../../lora_ui/assets/kit/dom.js";
import { acceptDrops } from "../../../lora_ui/assets/kit/drop_zone.js";
import { toastError } from "../../../lora_ui/assets/kit/toasts.js";
import { pictureInput } from "./picture.js";
import { restoreFromFile, takeWithSettings } from "./result_settings.js";

const PICTURES = ["png", "jpg", "jpeg", "webp", "gif", "avif"];
const SETTINGS = /\.(mp4|m4v|webm|json|txt)$/i;
const PICTURE = new RegExp(`\\.(${PICTURES.join("|")})$`, "i");

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
    "Load settings from a file",
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
      text: "A video, its JSON, or a picture of ComfyUI or A1111. Or drop it anywhere on this tab.",
    }),
  );
  acceptDrops(element.closest("#generate-columns") ?? element, take);
}

async function take(files) {
  const [file] = files;
  if (!file) return;
  const isPicture = file.type.startsWith("image/") || PICTURE.test(file.name);
  if (SETTINGS.test(file.name) || (isPicture && pictureInput.use === "none")) {
    await restoreFromFile(file);
  } else if (isPicture) {
    await takeWithSettings(file);
  } else toastError(unwanted(file));
}

function unwanted(file) {
  return {
    message: `Can’t use ${file.name} here.`,
    suggestions: [
      pictureInput.use === "none"
        ? "Drop a video or picture that carries its settings, or its JSON. The chosen model takes no input picture."
        : "Drop a video or picture that carries its settings, its JSON, or an input picture.",
      "LoRA files go on the LoRAs tab.",
    ],
  };
}
