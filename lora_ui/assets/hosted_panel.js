/** A panel in the page of another app, which brings along all that the page does not have. */
import { loadStyles } from "./kit/styles.js";
import { hostStatus } from "./model/host_status.js";
import { store } from "./model/store.js";

const PANELS = {
  "lora-tab": () => import("./lora_tab.js"),
  "lora-controls": () => import("./generation_controls.js"),
};

let preloaded = false;

export async function mount(panel) {
  const { panel: name, styles, modules } = panel.options;
  // At once: until the selection is known, a click on the host's button goes without it.
  store.start(panel.options);
  preload(modules);
  const [module] = await Promise.all([PANELS[name](), loadStyles(styles)]);
  module.mount(panel);
  hostStatus.start();
}

/** Fetch the modules beside one another; else an import is found only once its importer is there. */
function preload(names) {
  if (preloaded) return;
  preloaded = true;
  for (const name of names) {
    const link = document.createElement("link");
    link.rel = "modulepreload";
    link.href = new URL(name, import.meta.url).href;
    document.head.append(link);
  }
}
