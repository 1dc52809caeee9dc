/** What was meant by a word with a typo; as wan_lora_studio/lora/index/near_words.py has it. */
const SHORTEST = 4; // letters; in a shorter word every letter tells
const MOST = 5; // words that one may stand for
const LONG = 10; // letters; a longer word may have two typos

/** The runs of letters and digits. */
export function wordsOf(text) {
  return text.match(/[\p{L}\p{N}]+/gu) ?? [];
}

/**
 * Those words of the vocabulary that are nearest to `word`, and at most MOST of them; none if all
 * are far. Of like length come first. It may be the beginning of one: a person is still typing.
 */
export function near(word, vocabulary) {
  if (word.length < SHORTEST || !/\p{L}/u.test(word)) return [];
  let least = word.length < LONG ? 1 : 2;
  let found = [];
  for (const other of vocabulary) {
    if (other.length < word.length - least || lacking(word, other) > least) continue;
    const distance = editsToStart(word, other);
    if (distance < least) {
      least = distance;
      found = [];
    }
    if (distance === least) found.push(other);
  }
  const off = (other) => Math.abs(other.length - word.length);
  found.sort((a, b) => off(a) - off(b) || (a < b ? -1 : 1));
  return found.slice(0, MOST);
}

/** How many letters of a word another lacks; it is at least that far away. */
function lacking(word, other) {
  let count = 0;
  for (const letter of word) if (!other.includes(letter)) count += 1;
  return count;
}

/** Letters to put in, take out, change or swap until `word` is how `other` begins. */
function editsToStart(word, other) {
  let before = [];
  let row = Array.from({ length: other.length + 1 }, (_, place) => place);
  for (let i = 0; i < word.length; i += 1) {
    const earlier = before;
    before = row;
    row = [i + 1];
    for (let j = 0; j < other.length; j += 1) {
      const same = word[i] === other[j];
      let cost = Math.min(before[j] + (same ? 0 : 1), before[j + 1] + 1, row[j] + 1);
      const swapped = i > 0 && j > 0 && word[i] === other[j - 1] && word[i - 1] === other[j];
      if (swapped) cost = Math.min(cost, earlier[j - 1] + 1);
      row.push(cost);
    }
  }
  return Math.min(...row);
}
