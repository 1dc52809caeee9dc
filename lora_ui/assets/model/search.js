/** Which cards a search finds, and what it took for a typo. */
import { fit, fits } from "./lora_text.js";
import { near, wordsOf } from "./near_words.js";
import { folded, modelsNamed, squeezed, termsOf } from "./search_language.js";
import { store } from "./store.js";

const HASH = /^[0-9a-f]{8,64}$/;
const DIGITS = /^[0-9a-f]{1,64}$/;
const LETTERLESS = /^\p{N}*$/u;
const NAMES = ["name", "title"];
const AT_ONCE_MS = 8; // of work beside the page's own

/** The cards that have the words of the search before, by word: one more letter narrows them. */
let before = { cards: null, holders: new Map() };

/**
 * What `text` asks of a card, as `accept(card)`, and the words that no card has, as `forgiven`:
 * `{word, meant}`, with the words that are looked for instead.
 */
export function searchFor(text) {
  const made = { holders: new Map(), forgiven: [] };
  if (before.cards !== store.cards) before = { cards: store.cards, holders: new Map() };
  const tests = termsOf(text).map((term) => testOf(term, made));
  before.holders = made.holders;
  return { accept: (card) => tests.every((test) => test(card)), forgiven: made.forgiven };
}

function testOf(term, made) {
  const test = exactTest(term, made) ?? forgivingTest(term.value, made);
  return term.without ? (card) => !test(card) : test;
}

/** null for words that no card has and that may be a typo. */
function exactTest({ value, kind, without, phrase }, made) {
  if (kind === "tag") return (card) => known(card).tags.includes(`\n${value}`);
  if (kind === "hash") return (card) => DIGITS.test(value) && begins(card.hashes ?? [], value);
  if (kind === "fits") return fitsTest(value);
  const holders = holdersOf(value, made);
  return without || phrase || holders.size > 0 ? (card) => holders.has(card) : null;
}

/** The cards that have `value` in their texts, or a hash that begins so. */
function holdersOf(value, { holders }) {
  const isHash = HASH.test(value);
  const wider = [...before.holders].filter(([other]) => value.includes(other) && !isHash);
  const least = wider.sort(([, a], [, b]) => a.size - b.size)[0]?.[1] ?? store.cards;
  const found = new Set();
  for (const card of least) {
    const here = known(card).texts.includes(value);
    if (here || (isHash && begins(card.hashes ?? [], value))) found.add(card);
  }
  holders.set(value, found);
  return found;
}

function fitsTest(value) {
  if (value === "no") return (card) => ["no", "broken", "missing"].includes(fit(card, store.model));
  const models = value === "yes" ? [store.model] : modelsNamed(value, store.options.models);
  return (card) => models.some((model) => fits(card, model));
}

/** For a value that no card has. */
function forgivingTest(value, { forgiven }) {
  const meant = wordsOf(value).map((word) => {
    const isThere = (card) => known(card).texts.includes(word);
    if (word !== value && store.cards.some(isThere)) return [word];
    const words = HASH.test(word) ? [] : near(word, vocabulary());
    if (words.length > 0) forgiven.push({ word, meant: words });
    return words;
  });
  if (meant.length === 0 || meant.some((words) => words.length === 0)) return () => false;
  // Of letters and digits alone; one look for all of them is faster than one for each.
  const patterns = meant.map((words) => new RegExp(words.join("|")));
  return (card) => patterns.every((pattern) => pattern.test(known(card).texts));
}

/** Whether these digits are one of the hashes, or how one begins. */
function begins(hashes, digits) {
  return hashes.some((hash) => hash.startsWith(digits) || digits.startsWith(hash));
}

const kept = new WeakMap();

/** What is searched of a card: all its texts, what it is called by, and its tags, a line each. */
function known(card) {
  let found = kept.get(card);
  if (found === undefined) {
    const { fields, called } = store.search;
    const short = squeezed(lines(card, NAMES).replaceAll("\n", "/"));
    found = {
      texts: `${lines(card, fields)}\n${short}`,
      called: lines(card, called),
      tags: `\n${lines(card, ["metadata.tags"])}`,
    };
    kept.set(card, found);
  }
  return found;
}

function lines(card, fields) {
  return folded(fields.flatMap((field) => valueAt(card, field)).join("\n"));
}

function valueAt(card, field) {
  return field.split(".").reduce((value, step) => value?.[step], card) ?? [];
}

/** The words that the cards are called by, so far as they are read: up to `at`. */
let words = { cards: null, at: 0, found: new Set() };

function vocabulary() {
  readWords(Number.POSITIVE_INFINITY);
  return words.found;
}

function readWords(until) {
  if (words.cards !== store.cards) words = { cards: store.cards, at: 0, found: new Set() };
  const { cards, found } = words;
  while (words.at < cards.length) {
    for (const word of wordsOf(known(cards[words.at]).called)) {
      if (!LETTERLESS.test(word)) found.add(word);
    }
    words.at += 1;
    if (words.at % 64 === 0 && performance.now() > until) return;
  }
}

/** A library is read for searching a little at a time, before anyone types. */
function readSoon() {
  const soon = globalThis.requestIdleCallback ?? setTimeout;
  soon(() => {
    readWords(performance.now() + AT_ONCE_MS);
    if (words.at < words.cards.length) readSoon();
  });
}

store.addEventListener("library", () => store.loaded && readSoon());
