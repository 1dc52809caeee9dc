/** The page's tabs, which are Gradio's. */

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
    if (!tab || event.altKey || event.ctrlKey || event.metaKey) return;
    const tabs = [...tab.parentElement.querySelectorAll('[role="tab"]')];
    const index = tabs.indexOf(tab);
    const moves = { ArrowRight: index + 1, ArrowLeft: index - 1, Home: 0, End: -1 };
    if (!(event.key in moves)) return;
    event.preventDefault();
    const next = tabs.at(moves[event.key] % tabs.length);
    next.focus();
    next.click();
  });
}
