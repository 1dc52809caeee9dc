/** Numbers in human units. */
import { say } from "../texts/say.js";

const formats = new Map();

/** A number as the reader writes it, with so many digits after the point. */
function written(value, digits) {
  if (!formats.has(digits)) {
    const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    formats.set(digits, new Intl.NumberFormat(undefined, options));
  }
  return formats.get(digits).format(value);
}

/** Bytes; the same as in `wan_lora_studio/units.py`. */
export const MB = 1000000;

const UNITS = ["B", "KB", "MB", "GB", "TB"];

export function bytes(count) {
  let value = Number(count) || 0;
  let unit = 0;
  while (Math.abs(value) >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || Math.abs(value) >= 100 ? 0 : 1;
  return `${written(value, digits)} ${UNITS[unit]}`;
}

export function megabytes(count) {
  return bytes((Number(count) || 0) * MB);
}

export function seconds(count, digits = 1) {
  const value = Math.max(0, Number(count) || 0);
  if (value < 10) return say("time.seconds", { seconds: written(value, digits) });
  if (value < 90) return say("time.seconds", { seconds: Math.round(value) });
  const minutes = Math.floor(value / 60);
  if (minutes < 60) return say("time.minutes", { minutes, seconds: Math.round(value % 60) });
  return say("time.hours", { hours: Math.floor(minutes / 60), minutes: minutes % 60 });
}

/** A strength without a tail of digits, always with one decimal at least. */
export function strength(value) {
  const rounded = Math.round(Number(value) * 1000) / 1000;
  return Number.isInteger(rounded) ? rounded.toFixed(1) : String(rounded);
}
