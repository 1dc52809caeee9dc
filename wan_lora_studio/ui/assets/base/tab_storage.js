/** What a tab keeps over a reload, as text. A new tab begins with what any tab kept last. */

export function keep(name, text) {
  for (const storage of [sessionStorage, localStorage]) storage.setItem(name, text);
}

export function kept(name) {
  return sessionStorage.getItem(name) ?? localStorage.getItem(name);
}
