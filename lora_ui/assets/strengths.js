/** The forms a strength takes: a number for both experts, or one for each. */

/** The number for one expert; of a schedule, its first point. */
export function strengthFor(value, expert) {
  const part =
    value !== null && typeof value === "object" && !Array.isArray(value)
      ? (value[expert] ?? 0)
      : value;
  return Array.isArray(part) ? part[0][1] : part;
}

export function isSeparate(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

export function withExpert(value, expert, number) {
  return {
    high: strengthFor(value, "high"),
    low: strengthFor(value, "low"),
    [expert]: number,
  };
}

/** The experts that can be set apart for a LoRA: both, or none. */
export function separable(card, experts) {
  return experts.length === 2 && !["high", "low"].includes(card?.expert);
}

/** A number that was typed, with a comma or a point; null if it is none. */
export function parsed(text) {
  const trimmed = String(text).trim().replace(",", ".");
  const number = Number(trimmed);
  return trimmed === "" || !Number.isFinite(number) || Math.abs(number) > 100 ? null : number;
}
