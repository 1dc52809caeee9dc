/** The page's tabs, which are Gradio's. */
import { shortcut } from "../../../lora_ui/assets/kit/shortcuts.js";
import { say } from "../texts/say.js";

const moves = shortcut(
  say("keys.tabs"),
  ["ArrowLeft", "ArrowRight", "Home", "End"],
  say("keys.otherTab"),
);

/** `name` is the tab's own, whatever the reader's language calls it: gallery. */
export function openTab(name) {
  const tabs = [...document.querySelectorAll('#studio-tabs [role="tab"]')];
  const tab = tabs.find((item) => tabName(item) === name);
  if (tab && tab.getAttribute("aria-selected") !== "true") tab.click();
}

/** The name of the tab that is shown. */
export function shownTab() {
  const tab = document.querySelector('#studio-tabs [role="tab"][aria-selected="true"]');
  return tab ? tabName(tab) : "generate";
}

export function tabName(tab) {
  return tab.dataset.tabId;
}

/** Let the arrow keys go from tab to tab, as they do in every list of tabs but Gradio's. */
export function connectTabKeys() {
  document.addEventListener("keydown", (event) => {
    const tab = event.target.closest?.('[role="tab"]');
    if (!tab || !moves(event)) return;
    const tabs = [...tab.parentElement.querySelectorAll('[role="tab"]')];
    const index = tabs.indexOf(tab);
    const places = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: -1 };
    event.preventDefault();
    const next = tabs.at(places[event.key] % tabs.length);
    next.focus();
    next.click();
  });
}
