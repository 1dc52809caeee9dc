/** A LoRA's facts in words, the same in every place that shows them. */
import { address } from "./api.js";
import { el } from "./dom.js";
import { megabytes } from "./format.js";

const EXPERTS = { high: "High", low: "Low", pair: "Pair", both: "Both" };
const EXPERT_TITLES = {
  high: "Made for the high-noise expert",
  low: "Made for the low-noise expert",
  pair: "A pair: one file for each expert",
  both: "One file for both experts",
};

export function expertKind(card) {
  const files = card.files ?? {};
  return files.high && files.low ? "pair" : (card.expert ?? "both");
}

export function expertBadge(card) {
  const kind = expertKind(card);
  if (!EXPERTS[kind]) return null;
  return el("span", {
    class: `badge badge-${kind}`,
    title: EXPERT_TITLES[kind],
    text: EXPERTS[kind],
  });
}

export function usable(card) {
  return Boolean(card) && card.status === "ok";
}

export function fits(card, model) {
  return usable(card) && (card.compatible_models ?? []).includes(model);
}

/** Why the card cannot be used with the model; "" if it can. */
export function problem(card, model, title) {
  if (!card) return "This LoRA is not in the library any more.";
  if (!usable(card)) return card.status_detail || `The file is ${card.status}.`;
  if (fits(card, model)) return "";
  return card.fit_reason || `Does not fit ${title}.`;
}

export function facts(card) {
  const rank = card.rank ? `rank ${card.rank}` : null;
  return [rank, megabytes(card.size_mb)].filter(Boolean).join(" · ");
}

/** The thumbnail, or the name's first letter where there is none. */
export function thumbnail(card, className) {
  if (!card?.thumbnail_path) {
    const letter = [...(card?.name ?? "?")][0].toUpperCase();
    return el("span", { class: `${className} no-thumbnail`, "aria-hidden": "true", text: letter });
  }
  const version = card.thumbnail_version ?? card.sha256 ?? card.upload_date ?? "";
  const src = address("api/loras/thumbnail", { name: card.name, v: version });
  return el("img", { class: className, src, alt: "", loading: "lazy", decoding: "async" });
}
