/**
 * What a person types to find LoRAs, as terms: words, "phrases", `tag:`, `fits:`, `hash:`, and `-`
 * before what is left out. As wan_lora_studio/lora/index/search_language.py reads it.
 */
const TERM = /(-?)(?:(tag|fits|hash):)?(?:"([^"]*)"?|([^\s"]*))/g;

/** Terms `{value, kind, without, phrase}`; one that is only begun, such as `tag:`, is none yet. */
export function termsOf(text) {
  return [...folded(text).matchAll(TERM)]
    .map(([, without, kind = "", phrase = "", word = ""]) => ({
      value: phrase.trim() || word,
      kind,
      without: without === "-",
      phrase: phrase !== "",
    }))
    .filter(({ value }) => value !== "");
}

/** The text as it is compared: without regard to case, width and the form of Unicode. */
export function folded(text) {
  if (/^[\0-\x7f]*$/.test(text)) return text.toLowerCase();
  const changed = text.normalize("NFKC").toUpperCase().toLowerCase();
  return changed.normalize("NFKC").replaceAll("\u03c2", "\u03c3"); // final sigma
}

/** The text without what stands between the words of a name. */
export function squeezed(text) {
  return text.replace(/[\s_.-]+/g, "");
}

/** The models that a person may mean; `models` are rows with a `title`, by name. */
export function modelsNamed(value, models) {
  const wanted = squeezed(value);
  return Object.entries(models)
    .filter(([name, { title }]) => squeezed(folded(`${name}\n${title}`)).includes(wanted))
    .map(([name]) => name);
}
