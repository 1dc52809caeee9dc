/** A panel in the page of another app, which brings along all that the page does not have. */
import { loadStyles } from "./kit/styles.js";
import { hostStatus } from "./model/host_status.js";
import { store } from "./model/store.js";

const PANELS = {
  "lora-tab": () => import("./lora_tab.js"),
  "lora-controls": () => import("./generation_controls.js"),
};

export async function mount(panel) {
  const { panel: name, styles } = panel.options;
  // At once: until the selection is known, a click on the host's button goes without it.
  store.start(panel.options);
  const [module] = await Promise.all([PANELS[name](), loadStyles(styles)]);
  module.mount(panel);
  hostStatus.start();
}
