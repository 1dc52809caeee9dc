/** What gives the texts of a page: a sentence by its key, with values in its places. */
import { language } from "./language.js";

const PLACE = /\{(\w+)\}/g;
const numbers = new Intl.NumberFormat();
const rules = { own: new Intl.PluralRules(language), english: new Intl.PluralRules("en") };

/**
 * `say(key, values)` of these texts: in the page's language, or in English where that one lacks it.
 * A text that counts has a form for each of Unicode's plural rules, such as `videos.one` and
 * `videos.other`, chosen by the value `count`. Numbers are written as the reader writes them; what
 * is no quantity, such as a seed, is handed over as a text.
 */
export function speaker(english, own = {}) {
  return (key, values = {}) => {
    const text =
      own[key] ??
      own[`${key}.${rules.own.select(values.count)}`] ??
      english[key] ??
      english[`${key}.${rules.english.select(values.count)}`];
    return text.replace(PLACE, (_, name) => written(values[name]));
  };
}

function written(value) {
  return typeof value === "number" ? numbers.format(value) : String(value);
}
