/**
 * Sentences of the server, which speaks English, in the page's language. A sentence is recognised
 * by its template; what stands in the template's places may be such a text itself. What is not
 * recognised stays as it is.
 */
import { language } from "./language.js";

const PLACE = /\{(\w+)\}/;
const JOINTS = [
  [/(?<=[.!?]["'”)]?)\s+(?=\S)/, " "], // sentences
  ["; ", "; "], // problems of one sentence
];
const FEW_LETTERS = 3; // of a template that says nothing by itself, such as "{file}: {problem}."

/** A function that puts a text into another language by pairs of templates, English first. */
function teller(pairs) {
  const exact = new Map(pairs.filter(([english]) => !PLACE.test(english)).map(plainly));
  const forms = pairs.filter(([english]) => PLACE.test(english)).map(form);
  forms.sort((one, other) => other.length - one.length);
  const [telling, bare] = [true, false].map((tells) =>
    forms.filter((each) => each.tells === tells),
  );
  const known = new Map();

  const tell = (text) => {
    if (!known.has(text)) known.set(text, told(text));
    return known.get(text);
  };
  const told = (text) =>
    exact.get(text) ?? byForm(text, telling) ?? inParts(text) ?? byForm(text, bare) ?? text;
  const byForm = (text, some) => {
    for (const { pattern, names, own, tells } of some) {
      const found = pattern.exec(text);
      if (!found) continue;
      const values = names.map((_, at) => found[at + 1]);
      const inOwn = values.map(tell);
      // A text of the user's own may look like a template that says nothing by itself.
      if (!tells && values.every((value, at) => value === inOwn[at])) continue;
      const byName = Object.fromEntries(names.map((name, at) => [name, inOwn[at]]));
      return own.replace(/\{(\w+)\}/g, (_, name) => byName[name]);
    }
    return null;
  };
  const inParts = (text) => {
    for (const [between, joint] of JOINTS) {
      const parts = text.split(between);
      if (parts.length > 1) return parts.map(tell).join(joint);
    }
    return null;
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
  const literal = english.replace(/\{\w+\}/g, "");
  const letters = literal.replace(/\P{L}/gu, "").length;
  return {
    pattern: new RegExp(`^${parts.join("")}$`, "s"),
    names,
    own: single(own),
    length: literal.length,
    tells: letters >= FEW_LETTERS,
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
