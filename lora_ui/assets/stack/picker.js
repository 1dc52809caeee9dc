/** Adding a LoRA without leaving the generation tab: a searchable list in a dialog. */

import { unlessPressed } from "../kit/defer_redraw.js";
import { openDialog } from "../kit/dialogs.js";
import { delegate, el } from "../kit/dom.js";
import { plural } from "../kit/format.js";
import {
  concern,
  expertBadge,
  facts,
  fits,
  nameBelow,
  refused,
  thumbnail,
  titleOf,
  usable,
} from "../model/lora_text.js";
import { store } from "../model/store.js";
import { triggerWords } from "../model/trigger_words.js";

const SHOWN = 100;

export function openPicker() {
  const search = el("input", {
    type: "search",
    class: "field",
    placeholder: "Search names, tags, trigger words",
    "aria-label": "Search the library",
    autofocus: true,
  });
  const count = el("p", { class: "muted picker-count", role: "status" });
  const list = el("ul", { class: "picker", "aria-label": "LoRAs" });
  const draw = () => drawChoices(list, count, search.value);
  search.addEventListener("input", draw);
  delegate(list, "click", (target) => pick(target));
  const body = el("div", { class: "picker-box" }, search, count, list);
  body.addEventListener("keydown", (event) => steer(event, search, list));
  const done = el("button", { type: "button", class: "button button-primary", text: "Done" });
  const dialog = openDialog("Add LoRAs", body, { className: "dialog-picker", buttons: [done] });
  done.addEventListener("click", () => dialog.close());
  const redraw = () => unlessPressed(list, draw);
  store.addEventListener("library", redraw);
  dialog.addEventListener("close", () => store.removeEventListener("library", redraw));
  draw();
}

function pick(target) {
  store.toggle(target.dataset.name);
  target.setAttribute("aria-pressed", String(store.selection.has(target.dataset.name)));
}

/** Arrow keys go through the list; Enter in the search takes the first. */
function steer(event, search, list) {
  const rows = [...list.querySelectorAll(".picker-row")];
  const index = rows.indexOf(document.activeElement);
  if (event.key === "Enter" && event.target === search && rows.length > 0) {
    event.preventDefault();
    pick(rows[0]);
  } else if (event.key === "ArrowDown" && index < rows.length - 1) {
    event.preventDefault();
    rows[index + 1].focus();
  } else if (event.key === "ArrowUp" && index >= 0) {
    event.preventDefault();
    (rows[index - 1] ?? search).focus();
  }
}

function drawChoices(list, count, text) {
  const words = text.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  const found = store.cards.filter((lora) => {
    const all = textOf(lora);
    return usable(lora) && words.every((word) => all.includes(word));
  });
  found.sort(
    (a, b) =>
      Number(fits(b, store.model)) - Number(fits(a, store.model)) ||
      titleOf(a).localeCompare(titleOf(b)),
  );
  count.textContent = countText(found.length, text);
  const focus = list.contains(document.activeElement) ? document.activeElement.dataset.name : null;
  list.replaceChildren(...found.slice(0, SHOWN).map(choice));
  if (focus) list.querySelector(`[data-name="${CSS.escape(focus)}"]`)?.focus();
}

function countText(count, text) {
  if (!store.loaded) return "The library is being read.";
  if (count === 0 && text.trim() !== "") return "No LoRA matches.";
  if (count === 0) return "The library has no LoRA yet; upload one on the LoRAs tab.";
  const all = plural(count, "LoRA");
  return count > SHOWN ? `${all}; the first ${SHOWN} are shown` : all;
}

function textOf(lora) {
  const { tags = [] } = lora.metadata ?? {};
  return [lora.name, lora.title ?? "", ...tags, ...triggerWords(lora)]
    .join(" ")
    .toLocaleLowerCase();
}

function choice(lora) {
  const unfit = refused(lora, store.model);
  const below = [nameBelow(lora), facts(lora)].filter(Boolean).join(" · ");
  return el(
    "li",
    { class: unfit ? "card-unfit" : "" },
    el(
      "button",
      {
        type: "button",
        class: "picker-row",
        dataset: { action: "pick", name: lora.name },
        "aria-pressed": String(store.selection.has(lora.name)),
      },
      thumbnail(lora, "stack-picture"),
      el("span", { class: "picker-name", text: titleOf(lora) }),
      expertBadge(lora),
      el("span", {
        class: "picker-facts muted",
        text: unfit ? concern(lora, store.model) : below,
      }),
    ),
  );
}
