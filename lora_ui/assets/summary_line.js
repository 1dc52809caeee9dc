/** The line under the stack that is always true: memory and warnings. */
import { el } from "./dom.js";
import * as format from "./format.js";
import { store } from "./store.js";

export function createSummaryLine() {
  const total = el("p", { class: "summary-total muted" });
  const warnings = el("ul", { class: "summary-warnings", "aria-label": "Warnings" });
  const root = el("div", { class: "summary", role: "status" }, total, warnings);
  const draw = () => {
    const summary = store.summary;
    const count = store.selection.size;
    root.hidden = count === 0 || !summary;
    if (root.hidden) return;
    total.textContent = totals(summary, count);
    const lines = summary.compatibility_warnings.map((text) => el("li", { text }));
    warnings.replaceChildren(...lines);
  };
  store.addEventListener("summary", draw);
  store.addEventListener("selection", draw);
  draw();
  return root;
}

function totals(summary, count) {
  const memory = format.bytes(summary.total_memory_impact);
  const time = summary.estimated_load_time;
  const load = time >= 0.5 ? `, about ${format.seconds(time)} to load` : "";
  return `${format.plural(count, "LoRA")} selected, ${memory} of memory while they are applied${load}`;
}
