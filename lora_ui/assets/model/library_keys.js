/** Library keys: those of the LoRAs tab and of its cards. Here, as they are listed before the tab is built. */
import { shortcut } from "../kit/shortcuts.js";
import { say } from "../texts/say.js";

const TAB = say("keys.tab");
const CARD = say("keys.card");
export const KEYS = {
  search: shortcut(TAB, ["/"], say("keys.search")),
  all: shortcut(TAB, ["Mod+a"], say("keys.all")),
  none: shortcut(TAB, ["Escape"], say("keys.none")),
  deleteMarked: shortcut(TAB, ["Delete"], say("keys.deleteMarked")),
  move: shortcut(
    CARD,
    ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"],
    say("keys.move"),
  ),
  mark: shortcut(CARD, ["x", "Mod+ "], say("keys.mark")),
  rename: shortcut(CARD, ["F2"], say("keys.rename")),
  delete: shortcut(CARD, ["Delete"], say("keys.delete")),
  menu: shortcut(CARD, ["Shift+F10", "ContextMenu"], say("keys.menu")),
  details: shortcut(CARD, ["i"], say("keys.details")),
  star: shortcut(CARD, ["f"], say("keys.star")),
};
