/** Numbers as a person writes them: a list such as 0, ½, 1 and ranges such as 0-1 in 5. */

const SIGNS = { "¼": 0.25, "½": 0.5, "¾": 0.75, "⅓": 1 / 3, "⅔": 2 / 3 };
const NUMBER = "([+-]?(?:\\d+(?:\\.\\d+)?|\\.\\d+)(?:/\\d+)?|[¼½¾⅓⅔])";
const RANGE = new RegExp(`${NUMBER}\\s*(?:-|–|\\.\\.|to)\\s*${NUMBER}\\s+in\\s+(\\d+)`, "gi");
const MOST = 100;

/** Each number once, in its order; null if something in the text is none. */
export function readNumbers(text, { whole = false } = {}) {
  const plain = text.replace(RANGE, (_, first, last, count) => spread(first, last, count));
  const words = plain.split(/[,;\s]+/).filter(Boolean);
  const numbers = words.map(numberOf);
  if (numbers.some((number) => !Number.isFinite(number))) return null;
  const found = numbers.map((number) => (whole ? Math.round(number) : rounded(number)));
  return [...new Set(found)];
}

/** `count` numbers at equal distances, as a list. */
function spread(first, last, count) {
  const [from, to] = [numberOf(first), numberOf(last)];
  const total = Math.min(MOST, Number(count));
  if (total < 2) return ` ${from} `;
  const step = (to - from) / (total - 1);
  return ` ${Array.from({ length: total }, (_, index) => rounded(from + index * step)).join(" ")} `;
}

function numberOf(text) {
  if (text in SIGNS) return SIGNS[text];
  const [above, below] = text.split("/");
  return below === undefined ? Number(above) : Number(above) / Number(below);
}

function rounded(number) {
  return Math.round(number * 1000) / 1000;
}
