/** A LoRA's facts in words, the same in every place that shows them. */
import { address } from "../kit/api.js";
import { el } from "../kit/dom.js";
import { megabytes } from "../kit/format.js";
import { say } from "../texts/say.js";
import { store } from "./store.js";

const EXPERTS = {
  high: say("expert.highShort"),
  low: say("expert.lowShort"),
  pair: say("expert.pairShort"),
  both: say("expert.bothShort"),
  unsure: say("expert.unsureShort"),
};
const EXPERT_TITLES = {
  high: say("expert.highOnly"),
  low: say("expert.lowOnly"),
  pair: say("expert.pair"),
  both: say("expert.both"),
  unsure: say("expert.unsure"),
};

/** high, low, pair, both or unsure. */
export function kindOf(card) {
  return card.is_pair ? "pair" : card.expert;
}

/** As `kindOf`; "" for a file that nothing is known of, because it cannot be used. */
export function knownKind(card) {
  return usable(card) ? kindOf(card) : "";
}

export function expertName(kind) {
  return EXPERTS[kind] ?? kind;
}

export function expertBadge(card) {
  const kind = knownKind(card);
  if (!EXPERTS[kind]) return null;
  return el("span", {
    class: `badge badge-${kind}`,
    title: EXPERT_TITLES[kind],
    text: EXPERTS[kind],
  });
}

export function usable(card) {
  return card?.status === "ok";
}

/** fits, partly, no or unknown; broken and missing for what cannot be used at all. */
export function fit(card, model) {
  if (!card) return "missing";
  if (!usable(card)) return "broken";
  return card.verdicts?.[model]?.verdict ?? "unknown";
}

export function fits(card, model) {
  return ["fits", "partly"].includes(fit(card, model));
}

/** What a person should know before using the card with the model; "" if it just fits. */
export function concern(card, model) {
  const kind = fit(card, model);
  if (kind === "missing") return say("lora.gone");
  if (kind === "broken") return card.status_detail || say("lora.broken");
  const { misfit, reasons = [] } = card.verdicts?.[model] ?? {};
  return misfit || reasons.join(" ");
}

/** What of its layers speaks against it, where the concern says only that it does not fit. */
export function whyNot(card, model) {
  const { misfit, reasons = [] } = (usable(card) && card.verdicts?.[model]) || {};
  return misfit ? reasons : [];
}

/** The models that it runs on, but for the current one. */
export function otherModels(card) {
  return Object.keys(store.options.models).filter(
    (model) => model !== store.model && fits(card, model),
  );
}

/** Whether the concern means that it cannot be used. */
export function refused(card, model) {
  return ["missing", "broken", "no"].includes(fit(card, model));
}

export function facts(card) {
  const rank = card.rank ? say("lora.rank", { rank: card.rank }) : null;
  return [rank, megabytes(card.size_mb)].filter(Boolean).join(" · ");
}

/** What a person calls it: the title that the file or a person gave it, else its name. */
export function titleOf(card) {
  return card?.title || card?.name || "";
}

/** As `titleOf`, of the LoRA with a name, which the library may not have any more. */
export function titleFor(name) {
  return titleOf(store.byName.get(name)) || name;
}

/** The name, where the title does not say the same in other spelling. */
export function nameBelow(card) {
  return plainly(titleOf(card)) === plainly(card.name) ? "" : card.name;
}

function plainly(text) {
  return text.toLocaleLowerCase().replace(/[\s_.-]+/g, "");
}

/** The family of models it was made for, such as "Wan 14B"; "" if that is not known. */
export function familyName(card) {
  return familyText(card?.family);
}

export function familyText(family) {
  return store.families[family] ?? family ?? "";
}

/** "400/400 layers": of the file's layers, how many the model has; "" if it is not known. */
export function layersText(card, model) {
  const parts = Object.values(card?.verdicts?.[model]?.coverage ?? {});
  const total = parts.reduce((sum, part) => sum + part.total, 0);
  const matched = parts.reduce((sum, part) => sum + part.matched, 0);
  return total > 0 ? say("lora.layers", { matched: String(matched), total: String(total) }) : "";
}

/** What a half lacks, or which files are a pair where their names do not say it. */
export function pairText(card) {
  if (card.doubt) return say("pair.doubt");
  if (card.pair_note) return say("pair.noted", { note: card.pair_note });
  if (!card.missing_half) return "";
  const isHigh = card.missing_half === "high";
  const count = card.offers?.length ?? 0;
  if (count === 0) return isHigh ? say("pair.highMissing") : say("pair.lowMissing");
  return isHigh ? say("pair.highOffered", { count }) : say("pair.lowOffered", { count });
}

/** The thumbnail, or the name's first letter where there is none. */
export function thumbnail(card, className) {
  if (!card?.thumbnail_path) {
    const letter = [...(card?.name ?? "?")][0].toUpperCase();
    return el("span", { class: `${className} no-thumbnail`, "aria-hidden": "true", text: letter });
  }
  const src = address("api/loras/thumbnail", { name: card.name, v: card.thumbnail_version });
  return el("img", { class: className, src, alt: "", loading: "lazy", decoding: "async" });
}
