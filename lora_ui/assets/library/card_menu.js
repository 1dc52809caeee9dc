/** The menu of a card: everything that can be done to it. */

import { openMenu } from "../kit/menu.js";
import { query } from "../model/library_query.js";
import { titleOf, usable } from "../model/lora_text.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";
import {
  copyTriggers,
  deleteLoras,
  moveLoras,
  pairLoras,
  renameLora,
  splitLora,
  starLoras,
} from "./actions.js";
import { editDetails } from "./edit_form.js";
import { chooseThumbnail } from "./thumbnails.js";
import { canTry, isTryable, tryLora } from "./try_lora.js";

/**
 * `at` is an element or a point, as in `openMenu`; `showDetails(name)` opens the details, and
 * without it the menu has no entry for them.
 */
export function openCardMenu(name, at, { showDetails } = {}) {
  const card = store.byName.get(name);
  if (!card) return;
  const selected = store.selection.has(name);
  const words = card.metadata?.trigger_words ?? [];
  const twins = store.duplicates.find((names) => names.includes(name));
  const fixed = Boolean(card.read_only);
  openMenu(
    at,
    say("card.actions", { title: titleOf(card) }),
    [
      {
        label: selected ? say("card.unselect") : say("card.selectForNext"),
        glyph: selected ? "close" : "plus",
        disabled: !selected && !usable(card),
        run: () => store.toggle(name),
      },
      canTry() && {
        label: say("try.it"),
        glyph: "compare",
        disabled: !isTryable(card),
        run: () => tryLora(name),
      },
      showDetails && {
        label: say("action.details"),
        glyph: "info",
        note: "I",
        run: () => showDetails(name),
      },
      null,
      {
        label: card.favourite ? say("card.notFavourite") : say("card.favourite"),
        glyph: "star",
        note: "F",
        run: () => starLoras([name]),
      },
      {
        label: say("card.copyTriggers"),
        glyph: "copy",
        disabled: words.length === 0,
        run: () => copyTriggers([name]),
      },
      twins && {
        label: say("card.duplicates"),
        glyph: "twins",
        run: () => {
          query.clear();
          query.set({ duplicate: true });
        },
      },
      null,
      { label: say("card.edit"), glyph: "pencil", run: () => editDetails(name) },
      {
        label: say("card.thumbnail"),
        glyph: "picture",
        disabled: fixed,
        run: () => chooseThumbnail(name),
      },
      {
        label: say("action.rename"),
        glyph: "pencil",
        note: "F2",
        disabled: fixed,
        run: () => renameLora(name),
      },
      { label: say("action.move"), glyph: "move", disabled: fixed, run: () => moveLoras([name]) },
      card.is_pair
        ? { label: say("card.split"), glyph: "split", run: () => splitLora(name) }
        : {
            label: say("card.pair"),
            glyph: "pair",
            disabled: !usable(card),
            run: () => pairLoras([name]),
          },
      null,
      {
        label: say("action.delete"),
        glyph: "trash",
        note: "Del",
        danger: true,
        disabled: fixed,
        run: () => deleteLoras([name]),
      },
    ].filter((item) => item !== undefined && item !== false),
  );
}
