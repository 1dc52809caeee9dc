/** Rules for a number, by the limits that the server checks with: what is wrong, and what is near. */
import { say } from "../texts/say.js";

const TEXT = {
  whole: (low, high) => say("rule.whole", texts({ low, high })),
  number: (low, high) => say("rule.number", texts({ low, high })),
  near: (below, above) => say("rule.near", texts({ below, above })),
  multiple: (from, to, stride) => say("rule.multiple", texts({ from, to, stride })),
  frames: (from, to) => say("rule.frames", texts({ from, to })),
  rounded: (from, to) => say("rule.rounded", texts({ from, to })),
  most: (from, to) => say("rule.most", texts({ from, to })),
  least: (from, to) => say("rule.least", texts({ from, to })),
};

/** Numbers as they are typed, without a sign for thousands. */
function texts(numbers) {
  return Object.fromEntries(Object.entries(numbers).map(([name, value]) => [name, String(value)]));
}

/** What is wrong with a text in a field; null if nothing is. The server says it alike. */
export function adviceOn(text, limit) {
  const { low, high, whole } = limit;
  const value = numberIn(text);
  if (!(value >= low && value <= high) || (whole && !Number.isInteger(value))) {
    return whole ? TEXT.whole(low, high) : TEXT.number(low, high);
  }
  const over = overhang(value, limit);
  return over === 0 ? null : TEXT.near(value - over, value - over + limit.stride);
}

/** The nearest number that is taken; null where the text is none. */
export function nearest(text, limit) {
  const value = numberIn(text);
  if (Number.isNaN(value)) return null;
  const { low, high, whole, stride, first } = limit;
  const stepped = whole ? Math.round((value - first) / stride) * stride + first : value;
  const least = whole ? Math.ceil((low - first) / stride) * stride + first : low;
  const most = whole ? Math.floor((high - first) / stride) * stride + first : high;
  return Math.min(most, Math.max(least, stepped));
}

/** What was done to a number, and why. */
export function changeOf(text, value, limit) {
  const { low, high, stride, first } = limit;
  const typed = numberIn(text);
  if (typed > high) return TEXT.most(text, value);
  if (typed < low) return TEXT.least(text, value);
  if (stride === 1) return TEXT.rounded(text, value);
  return first === 0 ? TEXT.multiple(text, value, stride) : TEXT.frames(text, value);
}

function numberIn(text) {
  return text.trim() === "" ? Number.NaN : Number(text);
}

/** How far a number lies over the last one that is taken. */
function overhang(value, { whole, stride, first }) {
  return whole ? (((value - first) % stride) + stride) % stride : 0;
}
