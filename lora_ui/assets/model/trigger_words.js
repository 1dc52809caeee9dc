/** Trigger words in the prompt: put in once, and taken out again if it was us who put them in. */
import { form } from "./form.js";

export function triggerWords(card) {
  return card?.metadata?.trigger_words ?? [];
}

/** The words as one line, from which the server reads the same words again. */
export function lineOf(words) {
  return words.map((word) => (/[,;]/.test(word) ? `"${word}"` : word)).join(", ");
}

/** Whether the prompt holds the words, as words of their own and in any case. */
export function holds(prompt, word) {
  return finder(word).test(prompt ?? "");
}

/** Those of the card's words that the prompt does not hold yet. */
export function lacking(card) {
  return triggerWords(card).filter((word) => !holds(form.values.prompt, word));
}

export function putIn(words) {
  if (words.length > 0) form.change(({ prompt }) => ({ prompt: withWords(prompt ?? "", words) }));
}

export function takeOut(words) {
  if (words.length > 0) form.change(({ prompt }) => ({ prompt: without(prompt ?? "", words) }));
}

function withWords(prompt, words) {
  const added = words.filter((word) => !holds(prompt, word)).join(", ");
  const start = prompt.trimEnd();
  if (added === "" || start === "") return added || prompt;
  return `${start}${/[,.;:!?]$/.test(start) ? " " : ", "}${added}`;
}

function without(prompt, words) {
  return words.reduce((text, word) => {
    const found = [...text.matchAll(finder(word, "g"))].pop();
    if (!found) return text;
    const before = text.slice(0, found.index).replace(/[\s,]+$/, "");
    const after = text.slice(found.index + found[0].length);
    const rest = before === "" ? after.replace(/^[\s,]+/, "") : after;
    const joint = before !== "" && /^\w/.test(rest) ? " " : "";
    return `${before}${joint}${rest}`;
  }, prompt);
}

function finder(word, more = "") {
  const escaped = word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/\s+/g, "\\s+");
  return new RegExp(`(?<![\\p{L}\\p{N}_])${escaped}(?![\\p{L}\\p{N}_])`, `iu${more}`);
}
