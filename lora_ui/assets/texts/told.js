/**
 * Sentences of the server, which speaks English, in the page's language. A sentence is recognised
 * by its template; what stands in the template's places may be such a text itself. What is not
 * recognised stays as it is.
 */
import { language } from "./language.js";

const PLACE = /\{(\w+)\}/;
const isClose = language.startsWith("zh"); // no blank between its sentences
const JOINTS = [
  [/(?<=[.!?]["'”)]?)\s+(?=\S)/, isClose ? "" : " "], // sentences
  ["; ", isClose ? "；" : "; "], // problems of one sentence
];
const MEASURE = /^(-?\d+)((?:\.\d+)?(?: [A-Za-z]+)?)$/; // "8", "0.8", "14.3 GB"
const NO_MEASURE = "version"; // a place whose numbers are names
const DECIMAL = new Intl.NumberFormat(language)
  .formatToParts(0.5)
  .find(({ type }) => type === "decimal").value;
const FEW_LETTERS = 3; // of a template that says nothing by itself, such as "{file}: {problem}."

/**
 * A function that puts a text into another language by pairs of templates, English first. Of the
 * ways to take a text apart, the one counts that recognises most of it.
 */
function teller(pairs) {
  const exact = new Map(pairs.filter(([english]) => !PLACE.test(english)).map(plainly));
  const forms = pairs.filter(([english]) => PLACE.test(english)).map(form);
  forms.sort((one, other) => other.signs - one.signs); // of two that are alike, the longer counts
  const known = new Map(); // by text: {text, signs}, how many signs of it are recognised

  const read = (text) => {
    if (!known.has(text)) known.set(text, best(text));
    return known.get(text);
  };
  const best = (text) => {
    if (MEASURE.test(text)) return { text, signs: signsIn(text) };
    if (exact.has(text)) return { text: exact.get(text), signs: signsIn(text) };
    const ways = [...inForms(text), ...inParts(text), { text, signs: 0 }];
    return ways.reduce((one, other) => (other.signs > one.signs ? other : one));
  };
  const inForms = (text) =>
    forms.flatMap(({ pattern, names, own, letters, signs }) => {
      const found = pattern.exec(text);
      if (!found) return [];
      const values = names.map((_, at) => read(found[at + 1]));
      const inside = sum(values);
      // A text of the user's own may look like a template that says nothing by itself.
      if (letters < FEW_LETTERS && inside === 0) return [];
      const byName = Object.fromEntries(
        names.map((name, at) => [name, filled(name, values[at].text)]),
      );
      const said = own.replace(/\{(\w+)\}/g, (_, name) => byName[name]);
      return [{ text: said, signs: signs + inside }];
    });
  const inParts = (text) =>
    JOINTS.flatMap(([between, joint]) => {
      const parts = text.split(between);
      if (parts.length === 1) return [];
      const told = parts.map(read);
      return [{ text: told.map((part) => part.text).join(joint), signs: sum(told) }];
    });
  return (text) => read(text).text;
}

/** What stands in a place: a number is written as the language writes it. */
function filled(name, text) {
  if (name === NO_MEASURE) return text;
  return text.replace(MEASURE, (_, whole, rest) => whole + rest.replace(".", DECIMAL));
}

function sum(parts) {
  return parts.reduce((signs, part) => signs + part.signs, 0);
}

function signsIn(text) {
  return text.replace(/\s/g, "").length;
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
  const literal = english.replace(/\{\w+\}/g, "");
  return {
    pattern: new RegExp(`^${parts.join("")}$`, "s"),
    names,
    own: single(own),
    letters: literal.replace(/\P{L}/gu, "").length,
    signs: signsIn(literal),
  };
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
  "label",
  "labels",
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

/** The same of objects whose values are sentences, by a name of their own. */
const TOLD_VALUES = new Set(["fields", "left_out"]);

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
    if (TOLD_VALUES.has(name) && isNamed(inner)) value[name] = toldValues(inner);
    else if (!TOLD.has(name)) walk(inner);
    else if (typeof inner === "string") value[name] = toldItem(inner);
    else if (Array.isArray(inner)) value[name] = inner.map(toldItem);
    else walk(inner);
  }
}

function isNamed(value) {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

function toldValues(values) {
  return Object.fromEntries(Object.entries(values).map(([name, inner]) => [name, toldItem(inner)]));
}

/** A single word may be a value that scripts compare, such as a verdict. */
function toldItem(item) {
  if (typeof item === "string") return item.includes(" ") ? tell(item) : item;
  walk(item);
  return item;
}
