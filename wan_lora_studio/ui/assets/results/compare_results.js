/** Two videos of the gallery compared in a dialog. */
import { openDialog } from "../../../lora_ui/assets/kit/dialogs.js";
import { say } from "../texts/say.js";
import { createComparison } from "./comparison.js";

/** `options` as `createComparison` takes them. */
export function compareResults(results, options) {
  const comparison = createComparison(results, options);
  const dialog = openDialog(say("gallery.compare"), comparison.element, {
    className: "dialog-compare",
  });
  dialog.addEventListener("close", () => comparison.stop());
  dialog.addEventListener("keydown", (event) => comparison.pressed(event));
  comparison.play.focus();
}
