/** Adding LoRAs without leaving the generation tab: the library as a list in a dialog. */

import { unlessPressed } from "../kit/defer_redraw.js";
import { openDialog } from "../kit/dialogs.js";
import { delegate, el, icon } from "../kit/dom.js";
import { createFilters } from "../library/filter_bar.js";
import { forgivenText, searchBox, searchField, sortField } from "../library/search_tools.js";
import { found, pickerQuery as query } from "../model/library_query.js";
import {
  concern,
  expertBadge,
  facts,
  nameBelow,
  refused,
  thumbnail,
  titleOf,
} from "../model/lora_text.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";

const AT_FIRST = 100;
const MORE = 200;

/** What is picked goes into the stack. */
const STACK = {
  title: say("picker.title"),
  has: (name) => store.selection.has(name),
  toggle: (name) => store.toggle(name),
};

/**
 * It finds, filters and sorts as the library's tab does. `choice` says what the list is for: its
 * `title`, whether it `has` a name already, and what `toggle(name)` does. Gives the dialog.
 */
export function openPicker(choice = STACK) {
  query.set({ text: "" });
  const over = new AbortController();
  const { signal } = over;
  const search = searchField(query, signal);
  search.autofocus = true;
  const choices = new Choices(choice);
  const tools = el("div", { class: "picker-tools" }, searchBox(search), sortField(query, signal));
  const body = el(
    "div",
    { class: "picker-box" },
    tools,
    createFilters(query, signal),
    choices.count,
    choices.list,
    choices.more,
  );
  body.addEventListener("keydown", (event) => steer(event, search, choices));
  const done = el("button", {
    type: "button",
    class: "button button-primary",
    text: say("picker.done"),
  });
  const dialog = openDialog(choice.title, body, { className: "dialog-picker", buttons: [done] });
  done.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => over.abort());
  query.addEventListener("change", () => choices.begin(), { signal });
  const redraw = () => unlessPressed(choices.list, () => choices.draw());
  for (const event of ["library", "model"]) store.addEventListener(event, redraw, { signal });
  store.addEventListener("selection", () => choices.tick(), { signal });
  choices.draw();
  return dialog;
}

/** Arrow keys go through the list; Enter in the search takes the first. */
function steer(event, search, choices) {
  const rows = [...choices.list.querySelectorAll(".picker-row")];
  const index = rows.indexOf(document.activeElement);
  if (event.key === "Enter" && event.target === search && rows.length > 0) {
    event.preventDefault();
    choices.toggle(rows[0].dataset.name);
  } else if (event.key === "ArrowDown" && index < rows.length - 1) {
    if (index < 0 && event.target !== search) return;
    event.preventDefault();
    rows[index + 1].focus();
  } else if (event.key === "ArrowUp" && index >= 0) {
    event.preventDefault();
    (rows[index - 1] ?? search).focus();
  }
}

/** The rows of what the query finds, the first of them at once. */
class Choices {
  count = el("p", { class: "muted picker-count", role: "status" });
  list = el("ul", { class: "picker", "aria-label": say("picker.list") });
  more = el("button", { type: "button", class: "button", text: say("picker.more"), hidden: true });
  #limit = AT_FIRST;
  #choice;

  constructor(choice) {
    this.#choice = choice;
    delegate(this.list, "click", (target) => this.toggle(target.dataset.name));
    this.more.addEventListener("click", () => {
      const next = this.list.querySelectorAll(".picker-row").length;
      this.#limit += MORE;
      this.draw();
      this.list.querySelectorAll(".picker-row")[next]?.focus();
    });
  }

  toggle(name) {
    this.#choice.toggle(name);
    this.tick();
  }

  /** Another question: from the first row. */
  begin() {
    this.#limit = AT_FIRST;
    this.draw();
  }

  draw() {
    const { groups, forgiven } = found(query);
    const shown = groups.filter(({ key }) => key !== "broken");
    const all = shown.reduce((sum, { cards }) => sum + cards.length, 0);
    this.count.textContent = [countText(all), forgivenText(forgiven)].filter(Boolean).join(". ");
    this.more.hidden = all <= this.#limit;
    const inside = this.list.contains(document.activeElement);
    const focus = inside ? document.activeElement.dataset.name : null;
    this.list.replaceChildren(...rowsOf(shown, this.#limit));
    this.tick();
    if (focus) this.list.querySelector(`[data-name="${CSS.escape(focus)}"]`)?.focus();
  }

  /** Show which are selected now. */
  tick() {
    for (const row of this.list.querySelectorAll(".picker-row")) {
      row.setAttribute("aria-pressed", String(this.#choice.has(row.dataset.name)));
    }
  }
}

function rowsOf(groups, limit) {
  const rows = [];
  let left = limit;
  for (const { title, cards } of groups) {
    const some = cards.slice(0, left);
    left -= some.length;
    if (title && some.length > 0) {
      rows.push(el("li", { class: "picker-heading" }, el("h3", { text: title })));
    }
    rows.push(...some.map(choice));
  }
  return rows;
}

function countText(count) {
  if (!store.loaded) return say("picker.reading");
  if (count === 0 && query.narrowed) return say("empty.noMatch");
  if (count === 0) return say("picker.empty");
  return say("picker.count", { count });
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
        "aria-pressed": "false",
      },
      thumbnail(lora, "stack-picture"),
      el("span", { class: "picker-name", text: titleOf(lora) }),
      expertBadge(lora) ?? el("span"),
      el("span", { class: "picker-tick" }, icon("check")),
      el("span", {
        class: "picker-facts muted",
        text: unfit ? concern(lora, store.model) : below,
      }),
    ),
  );
}
