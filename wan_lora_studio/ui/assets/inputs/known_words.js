/** Which words of a prompt a small model knows. */

const TAG = /<[^<>]*>/g; // LoRAs in the prompt are for the library
const MOST_NAMED = 5;

/** The prompt that a choice of words makes; `chosen` is by name. */
export function sentence(template, chosen) {
  return template
    .replace(/\{(\w+)\}/g, (_, name) => chosen[name])
    .replace(/\ba(?= [aeiou])/g, "an");
}

/** For each name the word whose phrase stands in the prompt, the longest phrase first. */
export function knownWords(prompt, choices) {
  const text = ` ${plain(prompt).join(" ")} `;
  const found = {};
  for (const [name, words] of Object.entries(choices)) {
    let longest = "";
    for (const [word, phrases] of Object.entries(words)) {
      for (const phrase of [word, ...phrases]) {
        const wanted = plain(phrase).join(" ");
        if (wanted.length > longest.length && text.includes(` ${wanted} `)) {
          longest = wanted;
          found[name] = word;
        }
      }
    }
  }
  return found;
}

/** The words that are not `known`, each once, the first of them. */
export function unknownIn(prompt, known) {
  const learnt = new Set(known);
  return [...new Set(plain(prompt))].filter((word) => !learnt.has(word)).slice(0, MOST_NAMED);
}

function plain(text) {
  return (
    text
      .replace(TAG, " ")
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? []
  );
}
