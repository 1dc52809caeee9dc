/** Two videos of the gallery compared in a dialog. */
import { openDialog } from "../../../lora_ui/assets/kit/dialogs.js";
import { createComparison } from "./comparison.js";

export function compareResults(results) {
  const comparison = createComparison(results);
  const dialog = openDialog("Compare", comparison.element, { className: "dialog-compare" });
  dialog.addEventListener("close", () => comparison.stop());
  dialog.addEventListener("keydown", (event) => comparison.pressed(event));
  comparison.play.focus();
}
