/** Everything that is known about one LoRA, in a sheet at the side. */

import { openDialog } from "../kit/dialogs.js";
import { actionButton, el, icon } from "../kit/dom.js";
import { strength as strengthText } from "../kit/format.js";
import { pageAddress } from "../kit/page_address.js";
import { toastError } from "../kit/toasts.js";
import { expertQuestion, pairWith } from "../model/expert_question.js";
import * as library from "../model/library_api.js";
import {
  expertBadge,
  familyName,
  nameBelow,
  thumbnail,
  titleOf,
  usable,
} from "../model/lora_text.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";
import { copyText } from "./actions.js";
import { openCardMenu } from "./card_menu.js";
import { coverageSection } from "./details_coverage.js";
import { exampleSection } from "./details_example.js";
import { fileSection } from "./details_file.js";
import { usesSection } from "./details_uses.js";
import { editDetails } from "./edit_form.js";
import { canTry, isTryable, tryLora } from "./try_lora.js";

/** The dialog of the LoRA that is shown, and its name. */
const shown = { dialog: null, name: null };

export function closeDetails() {
  shown.dialog?.close();
}

export async function showDetails(name) {
  const card = store.byName.get(name);
  if (!card || (shown.name === name && shown.dialog?.open)) return;
  closeDetails();
  const body = el(
    "div",
    { class: "details" },
    head(card),
    el("p", { class: "muted", text: say("details.reading") }),
  );
  const dialog = openDialog(titleOf(card), body, { className: "dialog-sheet" });
  Object.assign(shown, { dialog, name });
  const left = pageAddress.open("lora", name);
  dialog.addEventListener("close", () => left());
  let drawn = null;
  const draw = async () => {
    try {
      const { record, fit } = await library.details(name, store.model);
      const now = JSON.stringify([record, fit, store.byName.get(name)]);
      if (now === drawn) return;
      drawn = now;
      keepingFocus(body, () => body.replaceChildren(head(record), ...sections(record, fit)));
    } catch (error) {
      if (drawn !== null) return; // what is shown was true a moment ago
      dialog.close();
      toastError(error);
    }
  };
  const changed = () => {
    if (store.byName.has(name)) draw();
    else dialog.close();
  };
  const selected = () =>
    keepingFocus(body, () =>
      body.querySelector(".details-head").replaceWith(head(store.byName.get(name))),
    );
  store.addEventListener("library", changed);
  store.addEventListener("selection", selected);
  dialog.addEventListener("close", () => {
    store.removeEventListener("library", changed);
    store.removeEventListener("selection", selected);
  });
  await draw();
}

/** The head is built anew; the keyboard stays at the same button of it. */
function keepingFocus(body, change) {
  const buttons = () => [...body.querySelectorAll(".details-head button")];
  const index = buttons().indexOf(document.activeElement);
  change();
  buttons()[index]?.focus({ preventScroll: true });
}

function head(record) {
  const { name } = record;
  const selected = store.selection.has(name);
  const select = button(selected ? say("card.unselect") : say("action.select"), () =>
    store.toggle(name),
  );
  select.classList.toggle("button-primary", !selected);
  select.disabled = !selected && !usable(record);
  const more = actionButton("menu", say("card.actions", { title: titleOf(record) }), "more", {
    class: "icon-button",
  });
  more.addEventListener("click", () => openCardMenu(name, more));
  const below = nameBelow(record);
  return el(
    "div",
    { class: "details-head" },
    thumbnail(record, "details-picture"),
    el(
      "div",
      { class: "details-who" },
      below && el("p", { class: "details-name", text: below }),
      el(
        "p",
        { class: "details-badges" },
        expertBadge(record),
        familyName(record) && el("span", { class: "badge", text: familyName(record) }),
        record.favourite && el("span", { class: "badge", text: say("card.favourite") }),
        record.read_only && el("span", { class: "badge", text: say("details.readOnly") }),
      ),
      el(
        "div",
        { class: "details-buttons" },
        select,
        canTry() && isTryable(record) && tryButton(name),
        button(say("details.edit"), () => editDetails(name)),
        more,
      ),
    ),
  );
}

/** What is made is shown in a dialog of its own. */
function tryButton(name) {
  const made = button(say("try.it"), () => {
    closeDetails();
    tryLora(name);
  });
  made.title = say("try.hint");
  return made;
}

function sections(record, fit) {
  return [
    record.status !== "ok" &&
      el("p", { class: "problem", text: record.status_detail || record.status }),
    pairSection(record),
    about(record),
    exampleSection(record),
    coverageSection(record, fit),
    usesSection(record.name),
    fileSection(record),
  ].filter(Boolean);
}

/** What is open about the LoRA's expert and its other half. */
function pairSection(record) {
  const offers = record.offers ?? [];
  if (!record.doubt && !record.pair_note && offers.length === 0) return null;
  const questions = { high: say("details.isHigh"), low: say("details.isLow") };
  return el(
    "section",
    { class: "details-pair" },
    record.doubt &&
      el("p", {
        class: "details-text",
        text: say("details.doubt", { why: record.doubt }),
      }),
    expertQuestion(record, "details-ask"),
    record.pair_note &&
      el("p", { class: "details-text", text: say("details.pair", { note: record.pair_note }) }),
    offers.length > 0 &&
      el("p", {
        class: "details-text",
        text: questions[record.missing_half] ?? say("details.isOther"),
      }),
    offers.map((other) =>
      button(say("details.pairWith", { name: other }), () => pairWith(record, other)),
    ),
  );
}

function about(record) {
  const {
    description,
    trigger_words: words = [],
    tags = [],
    author,
    usage_hint: hint,
    negative_prompt: negative,
  } = record.metadata ?? {};
  const preferred = preferredText(record.preferred_strengths);
  const copy =
    words.length > 0 &&
    button(say("details.copy"), () => copyText(words.join(", "), say("triggers.copied")));
  return el(
    "section",
    { class: "details-about" },
    description && el("p", { class: "details-text", text: description }),
    hint && el("p", { class: "muted details-text", text: hint }),
    words.length > 0 &&
      el("div", { class: "details-words" }, icon("tag"), el("p", { text: words.join(", ") }), copy),
    negative &&
      el("p", { class: "muted details-text", text: say("details.negative", { text: negative }) }),
    tags.length > 0 &&
      el(
        "p",
        { class: "details-tags" },
        tags.map((tag) => el("span", { class: "badge", text: tag })),
      ),
    author && el("p", { class: "muted", text: say("details.author", { author }) }),
    preferred && el("p", { class: "muted", text: preferred }),
  );
}

function preferredText(both) {
  if (!both) return "";
  const { high, low } = both;
  if (high === low) return say("details.preferred", { strength: strengthText(high) });
  return say("details.preferredBoth", { high: strengthText(high), low: strengthText(low) });
}

function button(text, act) {
  const made = el("button", { type: "button", class: "button", text });
  made.addEventListener("click", act);
  return made;
}
