/** What gives the texts of a page: a sentence by its key, with values in its places. */

const PLACE = /\{(\w+)\}/g;
const rules = new Intl.PluralRules("en");
const numbers = new Intl.NumberFormat();

/**
 * `say(key, values)` of these texts. A text that counts has a form for each of Unicode's plural
 * rules, such as `videos.one` and `videos.other`, chosen by the value `count`. Numbers are written
 * as the reader writes them; what is no quantity, such as a seed, is handed over as a text.
 */
export function speaker(texts) {
  return (key, values = {}) => {
    const text = texts[key] ?? texts[`${key}.${rules.select(values.count)}`];
    return text.replace(PLACE, (_, name) => written(values[name]));
  };
}

function written(value) {
  return typeof value === "number" ? numbers.format(value) : String(value);
}
