/** Light or dark: Gradio's own class on the body, kept in this browser. */

const KEY = "studio-theme";

export function currentTheme() {
  return document.body.classList.contains("dark") ? "dark" : "light";
}

export function toggleTheme() {
  const theme = currentTheme() === "dark" ? "light" : "dark";
  apply(theme);
  localStorage.setItem(KEY, theme);
}

function apply(theme) {
  document.body.classList.toggle("dark", theme === "dark");
}

const kept = localStorage.getItem(KEY);
if (kept) apply(kept);
