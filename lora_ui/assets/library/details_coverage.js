/** What of the model a LoRA changes: its verdict, a bar for each block, keys that are not used. */

import { el } from "../kit/dom.js";
import { costsElement } from "../model/cost_text.js";
import * as library from "../model/library_api.js";
import { fit as fitOf } from "../model/lora_text.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";

const KEYS_SHOWN = 500;
const VERDICTS = {
  fits: (model) => say("coverage.fits", { model }),
  partly: (model) => say("coverage.partly", { model }),
  no: (model) => say("coverage.no", { model }),
  unknown: (model) => say("coverage.unknown", { model }),
};

const SHORT = {
  fits: say("coverage.shortFits"),
  partly: say("coverage.shortPartly"),
  no: say("coverage.shortNo"),
  unknown: say("coverage.shortUnknown"),
};
const EXPERTS = { high: say("expert.high"), low: say("expert.low") };

/** The section; its bars and costs come a moment later. */
export function coverageSection(record, fit) {
  const bars = el("div", { class: "details-bars" });
  const cost = el("div");
  if (record.status === "ok" && fit.verdict !== "no") fill(record.name, fit, bars, cost);
  return el(
    "section",
    { class: "details-fit" },
    el("h3", { text: fit.misfit || VERDICTS[fit.verdict](store.modelTitle) }),
    reasons(fit),
    bars,
    cost,
    otherModels(record.name),
    keyList(fit.ignored, (count) => say("coverage.ignoredKeys", { count })),
    keyList(fit.unknown, (count) => say("coverage.unknownKeys", { count })),
  );
}

/** In the open, or behind a question where one line has said the verdict. */
function reasons({ misfit, reasons: texts = [] }) {
  const lines = texts.map((text) => el("p", { class: "muted", text }));
  if (!misfit || lines.length === 0) return lines;
  return el("details", {}, el("summary", { text: say("coverage.why") }), lines);
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
  const title = store.experts.length > 1 ? EXPERTS[expert] : say("coverage.model");
  const text = say("coverage.layers", { matched, count: total, changed, blocks: count });
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
  const where =
    block === null ? say("coverage.outside") : say("coverage.block", { block: String(block) });
  const numbers = { where, changed, layers };
  return el(
    "span",
    {
      class: `bar${lost > 0 ? " bar-lost" : ""}`,
      title:
        lost > 0 ? say("coverage.barLost", { ...numbers, lost }) : say("coverage.bar", numbers),
    },
    el("span", { style: `height: ${Math.max(share > 0 ? 12 : 0, Math.round(share * 100))}%` }),
  );
}

function otherModels(name) {
  const models = [store.model, ...Object.keys(store.options.models)];
  const others = store.oneOfEachKind(models).slice(1);
  const lora = store.byName.get(name);
  if (others.length === 0 || !lora) return null;
  const said = others.map(
    (model) =>
      `${store.titleOfModel(model)}: ${SHORT[fitOf(lora, model)] ?? say("coverage.broken")}`,
  );
  return el("p", { class: "muted", text: said.join(" · ") });
}

function keyList(keys, counted) {
  const names = Array.isArray(keys)
    ? keys.map(String)
    : Object.entries(keys ?? {}).map(([key, why]) => `${key}: ${why}`);
  if (names.length === 0) return null;
  const more =
    names.length > KEYS_SHOWN
      ? [el("li", { text: say("coverage.more", { count: names.length - KEYS_SHOWN }) })]
      : [];
  return el(
    "details",
    {},
    el("summary", { text: counted(names.length) }),
    el("ul", { class: "keys", tabindex: "0", "aria-label": counted(names.length) }, [
      ...names.slice(0, KEYS_SHOWN).map((text) => el("li", { text })),
      ...more,
    ]),
  );
}
