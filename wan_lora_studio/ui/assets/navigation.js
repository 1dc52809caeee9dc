/** Navigation: the tab, the video and the grid that the page's address names. */
import { pageAddress } from "../../lora_ui/assets/kit/page_address.js";
import { runs } from "./base/run_events.js";
import { openTab, shownTab, tabName } from "./base/tabs.js";
import { closeGrid, openGrid } from "./grid/grid_viewer.js";
import { closeViewer, openViewer } from "./results/viewer.js";

/** Restore what the address names once the page is there, and keep it up to date. */
export function connectNavigation() {
  const show = () => {
    openTab(pageAddress.get("tab") ?? "generate");
    const grid = pageAddress.get("grid");
    if (grid === null) closeGrid();
    else openGrid(grid);
    const video = pageAddress.get("video");
    if (video === null) closeViewer();
    else openViewer(video);
  };
  const chosen = (name) => {
    if (!name || name === pageAddress.get("tab")) return;
    pageAddress.set({ tab: name, lora: null, video: null, grid: null }, { push: true });
  };
  document.addEventListener("click", ({ target }) => {
    if (!(target instanceof Element)) return;
    const tab = target.closest('#studio-tabs [role="tab"]');
    if (tab) chosen(tabName(tab));
    else if (target.closest("#studio-tabs > .tab-wrapper")) {
      // In the menu of the tabs that have no room.
      requestAnimationFrame(() => chosen(shownTab()));
    }
  });
  pageAddress.addEventListener("change", show);
  runs.addEventListener("grid", ({ detail }) => openGrid(detail.id));
  if (pageAddress.get("tab") !== "generate") show();
}
