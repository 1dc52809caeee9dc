/** What of the model a LoRA changes: its verdict, a bar for each block, keys that are not used. */

import { el } from "../kit/dom.js";
import { plural } from "../kit/format.js";
import { costsElement } from "../model/cost_text.js";
import * as library from "../model/library_api.js";
import { fit as fitOf } from "../model/lora_text.js";
import { store } from "../model/store.js";

const KEYS_SHOWN = 500;
const VERDICTS = {
  fits: "Fits",
  partly: "Fits partly:",
  no: "Does not fit",
  unknown: "Not known whether it fits",
};

/** The section; its bars and costs come a moment later. */
export function coverageSection(record, fit) {
  const bars = el("div", { class: "details-bars" });
  const cost = el("div");
  if (record.status === "ok" && fit.verdict !== "no") fill(record.name, fit, bars, cost);
  return el(
    "section",
    { class: "details-fit" },
    el("h3", { text: fit.misfit || `${VERDICTS[fit.verdict]} ${store.modelTitle}` }),
    reasons(fit),
    bars,
    cost,
    otherModels(record.name),
    keyList("ignored", fit.ignored),
    keyList("unknown", fit.unknown),
  );
}

/** In the open, or behind a question where one line has said the verdict. */
function reasons({ misfit, reasons: texts = [] }) {
  const lines = texts.map((text) => el("p", { class: "muted", text }));
  if (!misfit || lines.length === 0) return lines;
  return el("details", {}, el("summary", { text: "Why?" }), lines);
}

async function fill(name, fit, bars, cost) {
  try {
    const { blocks, estimate } = await library.blocks(name, store.model);
    const coverage = Object.entries(fit.coverage ?? {});
    bars.replaceChildren(
      ...coverage.map(([expert, part]) => expertBars(expert, part, blocks[expert] ?? [])),
    );
    cost.replaceChildren(costsElement(estimate));
  } catch {
    // The verdict above says why there is nothing to draw.
  }
}

function expertBars(expert, { matched, total }, blocks) {
  const changed = blocks.filter((block) => block.block !== null && block.changed > 0).length;
  const count = blocks.filter((block) => block.block !== null).length;
  const title = store.experts.length > 1 ? `${expert === "high" ? "High" : "Low"} noise` : "Model";
  const text = `${matched} of ${plural(total, "layer")} of the file, in ${changed} of ${plural(count, "block")}`;
  return el(
    "div",
    { class: "coverage" },
    el(
      "p",
      { class: "coverage-title" },
      el("strong", { text: title }),
      el("span", { class: "muted", text }),
    ),
    blocks.length > 0 &&
      el("div", { class: "bars", role: "img", "aria-label": `${title}: ${text}` }, blocks.map(bar)),
  );
}

function bar({ block, changed, layers, lost }) {
  const share = layers > 0 ? changed / layers : 0;
  const where = block === null ? "outside the blocks" : `block ${block}`;
  const missing = lost > 0 ? `, ${lost} of the file that the model does not take` : "";
  return el(
    "span",
    {
      class: `bar${lost > 0 ? " bar-lost" : ""}`,
      title: `${where}: ${changed} of ${layers} layers changed${missing}`,
    },
    el("span", { style: `height: ${Math.max(share > 0 ? 12 : 0, Math.round(share * 100))}%` }),
  );
}

function otherModels(name) {
  const words = { fits: "fits", partly: "fits partly", no: "does not fit", unknown: "not known" };
  const models = [store.model, ...Object.keys(store.options.models)];
  const others = store.oneOfEachKind(models).slice(1);
  const lora = store.byName.get(name);
  if (others.length === 0 || !lora) return null;
  const said = others.map(
    (model) => `${store.titleOfModel(model)}: ${words[fitOf(lora, model)] ?? "cannot be used"}`,
  );
  return el("p", { class: "muted", text: said.join(" · ") });
}

function keyList(kind, keys) {
  const names = Array.isArray(keys)
    ? keys.map(String)
    : Object.entries(keys ?? {}).map(([key, why]) => `${key}: ${why}`);
  if (names.length === 0) return null;
  const more =
    names.length > KEYS_SHOWN ? [el("li", { text: `and ${names.length - KEYS_SHOWN} more` })] : [];
  return el(
    "details",
    {},
    el("summary", { text: plural(names.length, `${kind} key`) }),
    el("ul", { class: "keys", tabindex: "0", "aria-label": `${kind} keys` }, [
      ...names.slice(0, KEYS_SHOWN).map((text) => el("li", { text })),
      ...more,
    ]),
  );
}
