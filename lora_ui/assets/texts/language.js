/** The page's language: the one that was chosen by hand, else the first of the browser's that there is. */

const KEPT = "studio-language";

/** By what the browser calls them, how those who speak them do. */
export const LANGUAGES = { en: "English", de: "Deutsch", "zh-CN": "简体中文" };

export const language = kept() ?? fromBrowser() ?? "en";

/** Chosen by hand, and kept in this browser. The page is loaded anew in it. */
export function chooseLanguage(code) {
  localStorage.setItem(KEPT, code);
  location.reload();
}

function kept() {
  try {
    const code = localStorage.getItem(KEPT);
    return code in LANGUAGES ? code : null;
  } catch {
    return null; // a frame of another site may keep nothing
  }
}

function fromBrowser() {
  const wanted = navigator.languages ?? [navigator.language];
  return wanted.map(spoken).find(Boolean);
}

/** Chinese in traditional characters is another written language than the simplified one. */
function spoken(tag) {
  const [code, ...rest] = tag.toLowerCase().split("-");
  if (code !== "zh") return code in LANGUAGES ? code : null;
  const traditional = ["hant", "tw", "hk", "mo"].some((part) => rest.includes(part));
  return traditional && !rest.includes("hans") ? null : "zh-CN";
}

/** The texts of a module for this language; `loaders` import it by language. */
export async function translation(loaders) {
  return (await loaders[language]?.())?.default ?? {};
}
