/** Menus and small panels that open beside a button and close by themselves. */
import { el, icon } from "./dom.js";

const EDGE = 8;

/**
 * A menu of `items`: `{label, glyph, run, danger, disabled, checked}` or `null` for a line between
 * them. One with `checked`, true or false, is one of several to choose from.
 * `at` is the element it belongs to, or a point `{x, y}`.
 */
export function openMenu(at, label, items) {
  const menu = el("div", { class: "menu", role: "menu", "aria-label": label });
  const close = openPopover(menu, at);
  for (const item of items) menu.append(item ? menuItem(item, close) : el("hr"));
  place(menu, at);
  const buttons = [...menu.querySelectorAll("button:not(:disabled)")];
  menu.addEventListener("keydown", (event) => steer(event, buttons, close));
  buttons[0]?.focus();
  return menu;
}

function menuItem({ label, glyph, run, danger, disabled, note, checked }, close) {
  const button = el(
    "button",
    {
      type: "button",
      role: checked === undefined ? "menuitem" : "menuitemradio",
      "aria-checked": checked === undefined ? null : String(checked),
      class: danger ? "menu-danger" : "",
      disabled,
      tabindex: "-1",
      "aria-keyshortcuts": note,
    },
    glyph ? icon(glyph) : el("span", { class: "icon" }),
    el("span", { text: label }),
    note && el("kbd", { text: note, "aria-hidden": "true" }),
  );
  button.addEventListener("click", () => {
    close();
    run();
  });
  return button;
}

function steer(event, buttons, close) {
  const index = buttons.indexOf(document.activeElement);
  const moves = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: buttons.length - 1 };
  if (event.key in moves) {
    event.preventDefault();
    buttons.at(moves[event.key] % buttons.length)?.focus();
  } else if (event.key === "Tab") {
    event.preventDefault();
    close();
  } else if (event.key.length === 1 && /\S/.test(event.key)) {
    const start = event.key.toLocaleLowerCase();
    const rest = [...buttons.slice(index + 1), ...buttons];
    rest.find((button) => button.textContent.toLocaleLowerCase().startsWith(start))?.focus();
  }
}

/** A panel with `content` that opens below `at`; gives the function that closes it. */
export function openPanel(at, label, content, className = "") {
  const panel = el(
    "div",
    { class: `panel ${className}`, role: "dialog", "aria-label": label },
    content,
  );
  const close = openPopover(panel, at);
  place(panel, at);
  panel.querySelector("[autofocus], input, button")?.focus();
  return close;
}

function openPopover(element, at) {
  const before = document.activeElement;
  element.popover = "auto";
  element.classList.add("lora-popover");
  const host = at instanceof Element ? (at.closest("dialog") ?? document.body) : document.body;
  host.append(element);
  element.showPopover();
  if (at instanceof Element) at.setAttribute("aria-expanded", "true");
  element.addEventListener("toggle", (event) => {
    if (event.newState !== "closed") return;
    const inside =
      element.contains(document.activeElement) || document.activeElement === document.body;
    element.remove();
    if (inside && before?.isConnected) before.focus({ preventScroll: true });
    if (!(at instanceof Element)) return;
    at.setAttribute("aria-expanded", "false");
    at.dispatchEvent(new Event("panel-closed", { bubbles: true }));
  });
  return () => element.isConnected && element.hidePopover();
}

/** Below what it belongs to, or above where there is more room; never outside the window. */
function place(element, at) {
  const anchor =
    at instanceof Element
      ? at.getBoundingClientRect()
      : { left: at.x, right: at.x, top: at.y, bottom: at.y };
  const { offsetWidth: width, offsetHeight: height } = element;
  const below = innerHeight - anchor.bottom;
  const top =
    below >= height + EDGE || below >= anchor.top ? anchor.bottom + 4 : anchor.top - height - 4;
  const left = anchor.left + width > innerWidth - EDGE ? anchor.right - width : anchor.left;
  element.style.left = `${Math.max(EDGE, Math.min(left, innerWidth - width - EDGE))}px`;
  element.style.top = `${Math.max(EDGE, Math.min(top, innerHeight - height - EDGE))}px`;
}
