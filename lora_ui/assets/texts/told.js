/**
 * Sentences of the server, which speaks English, in the page's language. A sentence is recognised
 * by its template; what stands in the template's places may be such a text itself. What is not
 * recognised stays as it is.
 */
import { language } from "./language.js";

const PLACE = /\{(\w+)\}/;
const BETWEEN_SENTENCES = /(?<=[.!?]["'”)]?)\s+(?=\S)/;
const FEW_LETTERS = 4; // of a template that says nothing by itself, such as "{file}: {problem}."

/** A function that puts a text into another language by pairs of templates, English first. */
function teller(pairs) {
  const exact = new Map(pairs.filter(([english]) => !PLACE.test(english)).map(plainly));
  const forms = pairs.filter(([english]) => PLACE.test(english)).map(form);
  forms.sort((one, other) => other.letters - one.letters);
  const known = new Map();

  const tell = (text) => {
    if (!known.has(text)) known.set(text, whole(text) ?? bySentence(text));
    return known.get(text);
  };
  const whole = (text) => exact.get(text) ?? byForm(text);
  const byForm = (text) => {
    for (const { pattern, names, own, letters } of forms) {
      const found = pattern.exec(text);
      if (!found) continue;
      const values = Object.fromEntries(names.map((name, at) => [name, found[at + 1]]));
      const told = Object.fromEntries(
        Object.entries(values).map(([name, value]) => [name, tell(value)]),
      );
      const isOurs = letters >= FEW_LETTERS || names.some((name) => told[name] !== values[name]);
      if (isOurs) return own.replace(/\{(\w+)\}/g, (_, name) => told[name]);
    }
    return null;
  };
  const bySentence = (text) => {
    const sentences = text.split(BETWEEN_SENTENCES);
    if (sentences.length === 1) return text;
    return sentences.map(tell).join(" ");
  };
  return tell;
}

/** Python doubles a brace that is none of a place. */
function plainly([english, own]) {
  return [single(english), single(own)];
}

function form([english, own]) {
  const names = [];
  const parts = english.split(/(\{\w+\})/).map((part) => {
    const place = PLACE.exec(part);
    if (!place) return single(part).replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    names.push(place[1]);
    return "(.+?)";
  });
  const letters = english.replace(/\{\w+\}/g, "").replace(/\P{L}/gu, "").length;
  return { pattern: new RegExp(`^${parts.join("")}$`, "s"), names, own: single(own), letters };
}

function single(text) {
  return text.replaceAll("{{", "{").replaceAll("}}", "}");
}

/** What a person reads of an answer of the server, by the names of its fields. */
const TOLD = new Set([
  "action",
  "advice",
  "cause",
  "detail",
  "doubt",
  "lost",
  "measured",
  "message",
  "misfit",
  "notes",
  "notices",
  "offload_reason",
  "pair_note",
  "problems",
  "reason",
  "reasons",
  "said",
  "suggestions",
  "unread",
  "verdict",
  "warnings",
  "why",
  "words",
]);

const tell = language === "en" ? null : teller(await pairs());

async function pairs() {
  try {
    const answer = await fetch(new URL(`../../../api/texts/${language}`, import.meta.url));
    return (await answer.json()).texts;
  } catch {
    return []; // in English then
  }
}

/** An answer of the server with its sentences in the page's language; the same object. */
export function inOwnWords(answer) {
  if (tell) walk(answer);
  return answer;
}

function walk(value) {
  if (value === null || typeof value !== "object") return;
  for (const [name, inner] of Object.entries(value)) {
    if (!TOLD.has(name)) walk(inner);
    else if (typeof inner === "string") value[name] = tell(inner);
    else if (Array.isArray(inner)) value[name] = inner.map(toldItem);
    else walk(inner);
  }
}

function toldItem(item) {
  if (typeof item === "string") return tell(item);
  walk(item);
  return item;
}
