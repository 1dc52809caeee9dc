/** The menu of a card: everything that can be done to it. */

import { openMenu } from "../kit/menu.js";
import { query } from "../model/library_query.js";
import { titleOf, usable } from "../model/lora_text.js";
import { store } from "../model/store.js";
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
import { canTry, isTryable, TRY, tryLora } from "./try_lora.js";

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
    `Actions for ${titleOf(card)}`,
    [
      {
        label: selected ? "Remove from the selection" : "Select for the next video",
        glyph: selected ? "close" : "plus",
        disabled: !selected && !usable(card),
        run: () => store.toggle(name),
      },
      canTry() && {
        label: TRY,
        glyph: "compare",
        disabled: !isTryable(card),
        run: () => tryLora(name),
      },
      showDetails && { label: "Details", glyph: "info", note: "I", run: () => showDetails(name) },
      null,
      {
        label: card.favourite ? "Not a favourite any more" : "Favourite",
        glyph: "star",
        note: "F",
        run: () => starLoras([name]),
      },
      {
        label: "Copy trigger words",
        glyph: "copy",
        disabled: words.length === 0,
        run: () => copyTriggers([name]),
      },
      twins && {
        label: "Show duplicates",
        glyph: "twins",
        run: () => {
          query.clear();
          query.set({ duplicate: true });
        },
      },
      null,
      { label: "Edit details", glyph: "pencil", run: () => editDetails(name) },
      {
        label: "Set thumbnail",
        glyph: "picture",
        disabled: fixed,
        run: () => chooseThumbnail(name),
      },
      {
        label: "Rename",
        glyph: "pencil",
        note: "F2",
        disabled: fixed,
        run: () => renameLora(name),
      },
      { label: "Move", glyph: "move", disabled: fixed, run: () => moveLoras([name]) },
      card.is_pair
        ? { label: "Split the pair", glyph: "split", run: () => splitLora(name) }
        : {
            label: "Pair with another",
            glyph: "pair",
            disabled: !usable(card),
            run: () => pairLoras([name]),
          },
      null,
      {
        label: "Delete",
        glyph: "trash",
        note: "Del",
        danger: true,
        disabled: fixed,
        run: () => deleteLoras([name]),
      },
    ].filter((item) => item !== undefined && item !== false),
  );
}
