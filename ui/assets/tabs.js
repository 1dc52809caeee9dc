/** The page's tabs, which are Gradio's. */

export function openTab(name) {
  const tabs = [...document.querySelectorAll('#studio-tabs [role="tab"]')];
  const tab = tabs.find((item) => item.textContent.trim() === name);
  if (tab && tab.getAttribute("aria-selected") !== "true") tab.click();
}
