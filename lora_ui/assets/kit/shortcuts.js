/**
 * Shortcuts: the keys that parts of the page listen to, each with what it does.
 *
 * Whoever listens declares its keys here and asks the function that it gets, so that the list
 * which a person reads is the one that works.
 */

const groups = new Map(); // title → [{keys, does}]
const SHOWN = { Mod: "Ctrl", ArrowUp: "↑", ArrowDown: "↓", ArrowLeft: "←", ArrowRight: "→" };
const NAMED = { " ": "Space", Delete: "Del", Escape: "Esc", ContextMenu: "Menu" };

/**
 * Declare keys such as "x", "Shift+F10" or "Mod+a" (Ctrl, or ⌘ on a Mac); any one of them does it.
 * `group` says where they work. Gives the function that tells whether an event is one of them.
 */
export function shortcut(group, keys, does) {
  if (!groups.has(group)) groups.set(group, []);
  groups.get(group).push({ keys: keys.map(shownKeys), does });
  const wanted = keys.map(parsed);
  return (event) => wanted.some((each) => isPressed(each, event));
}

/** All that were declared: `{title, entries: [{keys, does}]}`. */
export function shortcuts() {
  return [...groups].map(([title, entries]) => ({ title, entries }));
}

function parsed(keys) {
  const parts = keys.split("+");
  const key = parts.pop().toLowerCase();
  return { key, mod: parts.includes("Mod"), shift: parts.includes("Shift") };
}

/** A sign such as ? has Shift in it on many keyboards. */
function isPressed({ key, mod, shift }, event) {
  if (event.altKey || event.key?.toLowerCase() !== key) return false;
  return mod === (event.ctrlKey || event.metaKey) && (!shift || event.shiftKey);
}

function shownKeys(keys) {
  const parts = keys.split("+").map((part) => SHOWN[part] ?? NAMED[part] ?? part);
  return parts.map((part) => (part.length === 1 ? part.toUpperCase() : part)).join(" + ");
}
