/** Help: a menu with the keys, the guide, the API's pages, the languages and the version. */
import { openDialog } from "../../lora_ui/assets/kit/dialogs.js";
import { el } from "../../lora_ui/assets/kit/dom.js";
import { openMenu } from "../../lora_ui/assets/kit/menu.js";
import { shortcut, shortcuts } from "../../lora_ui/assets/kit/shortcuts.js";
import "../../lora_ui/assets/model/library_keys.js"; // listed before its tab is built
import { chooseLanguage, LANGUAGES, language } from "../../lora_ui/assets/texts/language.js";
import { visitorEntries } from "./base/visitor.js";
import { say } from "./texts/say.js";

const ANYWHERE = say("keys.anywhere");
const KEYS = {
  help: shortcut(ANYWHERE, ["?"], say("keys.help")),
  generate: shortcut(ANYWHERE, ["Mod+Enter"], say("keys.generate")),
};

/** The button in the page's head. */
export function helpButton(version) {
  const button = el("button", {
    type: "button",
    class: "button button-quiet",
    id: "help-button",
    "aria-label": say("help.title"),
    title: say("help.title"),
    "aria-haspopup": "menu",
    text: "?",
  });
  button.addEventListener("click", () =>
    openMenu(button, say("help.title"), [
      ...visitorEntries(),
      { label: say("help.keys"), note: "?", run: openKeys },
      { label: say("help.guide"), run: () => openBeside("guide/README.md") },
      { label: say("help.api"), run: () => openBeside("api/docs") },
      null,
      ...Object.entries(LANGUAGES).map(([code, name]) => ({
        label: name,
        glyph: code === language ? "check" : undefined,
        checked: code === language,
        run: () => chooseLanguage(code),
      })),
      null,
      { label: say("help.version", { version }), disabled: true },
    ]),
  );
  return button;
}

function openBeside(address) {
  open(address, "_blank", "noopener");
}

/** Keys that work wherever one is. */
export function connectHelpKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || document.querySelector("dialog[open], .lora-popover")) return;
    if (KEYS.generate(event)) {
      const button = document.getElementById("generate-button");
      if (!button?.checkVisibility()) return;
      event.preventDefault();
      const writing = document.activeElement;
      button.focus({ preventScroll: true }); // what is being typed is checked first
      button.click();
      writing?.focus({ preventScroll: true });
    } else if (KEYS.help(event) && !isWriting(event.target)) {
      event.preventDefault();
      openKeys();
    }
  });
}

function openKeys() {
  const groups = shortcuts();
  const first = groups.filter(({ title }) => title === ANYWHERE);
  const rest = groups.filter(({ title }) => title !== ANYWHERE);
  const title = say("help.keys");
  // With the focus in it, the arrow keys scroll it.
  const list = { class: "key-list", role: "group", "aria-label": title, tabindex: "0" };
  openDialog(title, el("div", list, [...first, ...rest].flatMap(group)));
}

function group({ title, entries }) {
  const rows = entries.flatMap(({ keys, does }) => [
    el("dt", {}, ...keys.map((key) => el("kbd", { text: key }))),
    el("dd", { text: does }),
  ]);
  return [el("h3", { class: "section-title", text: title }), el("dl", {}, rows)];
}

function isWriting(target) {
  return target instanceof Element && target.closest("input, textarea, select, [contenteditable]");
}
