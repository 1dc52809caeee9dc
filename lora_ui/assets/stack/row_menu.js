/** What else can be done to a LoRA of the stack. */

import { openMenu } from "../kit/menu.js";
import { showDetails } from "../library/details.js";
import { store } from "../model/store.js";
import { markAccelerator } from "./accelerators.js";
import { openSweep } from "./compare_dialog.js";
import { askRange } from "./range_dialog.js";
import { movedBy } from "./stack_order.js";

export function openRowMenu(name, button) {
  const known = store.byName.has(name);
  const fast = Boolean(store.summary?.accelerators?.[name]);
  const names = [...store.stack.entries.keys()];
  const place = names.indexOf(name);
  const move = (by) => store.stack.reorder(movedBy(names, name, by));
  openMenu(button, `More for ${name}`, [
    { label: "Details", glyph: "info", disabled: !known, run: () => showDetails(name) },
    { label: "Strength sweep", glyph: "compare", run: () => openSweep(name) },
    { label: "Slider range", glyph: "curve", disabled: !known, run: () => askRange(name) },
    {
      label: fast ? "This is no accelerator" : "This is an accelerator",
      glyph: "bolt",
      disabled: !known,
      run: () => markAccelerator(name, !fast),
    },
    null,
    { label: "Move up", disabled: place === 0, run: () => move(-1) },
    { label: "Move down", disabled: place === names.length - 1, run: () => move(1) },
    null,
    { label: "Remove", glyph: "close", run: () => store.deselect(name) },
  ]);
}
