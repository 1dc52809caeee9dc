/** The forms a strength takes: a number or points over the steps, for both experts or for each. */
import * as format from "../kit/format.js";
import { say } from "../texts/say.js";

/** The number for one expert; of a schedule, its first point. */
export function strengthFor(value, expert) {
  const part = partFor(value, expert);
  return Array.isArray(part) ? part[0][1] : part;
}

/** A number or `[[fraction, strength], ...]` for one expert; `both` is read as the high one. */
export function partFor(value, expert) {
  if (!isSeparate(value)) return value;
  return value[expert === "both" ? "high" : expert] ?? 0;
}

export function isSeparate(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

export function isScheduled(part) {
  return Array.isArray(part);
}

export function withExpert(value, expert, part) {
  if (expert === "both") return part;
  return { high: partFor(value, "high"), low: partFor(value, "low"), [expert]: part };
}

/** The experts that can be set apart for a LoRA: both, or none. */
export function separable(card, experts) {
  return experts.length === 2 && !["high", "low"].includes(card?.expert);
}

/** The experts that a row shows a control for: `["both"]`, or high and low. */
export function shownExperts(entry, card, experts) {
  const { strength, split } = entry;
  if (!separable(card, experts)) return ["both"];
  return split || differs(strength) ? ["high", "low"] : ["both"];
}

/** Whether the experts get something else each. */
export function differs(value) {
  return isSeparate(value) && JSON.stringify(value.high) !== JSON.stringify(value.low);
}

/** The part that a control for `expert` shows, of a half file that of its own expert. */
export function shownPart(value, expert, card) {
  return partFor(value, expert === "both" && card?.expert === "low" ? "low" : expert);
}

/** A number that was typed, with a comma or a point; null if it is none. */
export function parsed(text) {
  const trimmed = String(text).trim().replace(",", ".");
  const number = Number(trimmed);
  return trimmed === "" || !Number.isFinite(number) || Math.abs(number) > 100 ? null : number;
}

/** "0.8", "1.0 → 0.25", "high 1.0, low 0.5". */
export function strengthText(value) {
  if (!differs(value)) return partText(partFor(value, "both"));
  return say("strength.highLow", { high: partText(value.high), low: partText(value.low) });
}

export function partText(part) {
  if (!isScheduled(part)) return format.strength(part);
  return part.map(([, strength]) => format.strength(strength)).join(" → ");
}

/** Every number of a strength times `factor`. */
export function scaled(value, factor) {
  if (isSeparate(value)) {
    return { high: scaled(value.high, factor), low: scaled(value.low, factor) };
  }
  if (isScheduled(value)) return value.map(([at, number]) => [at, rounded(number * factor)]);
  return rounded(value * factor);
}

export function rounded(number) {
  return Math.round(number * 10000) / 10000;
}
