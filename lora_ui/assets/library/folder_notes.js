/** What is to be said of the LoRA folders themselves, such as links that show nothing. */
import { el } from "../kit/dom.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";

/** A line that opens into the list; hidden while there is nothing to say. */
export function createFolderNotes() {
  const summary = el("summary");
  const list = el("ul");
  const box = el("details", { class: "folder-notes muted", hidden: true }, summary, list);
  const draw = () => {
    const { notes } = store;
    box.hidden = notes.length === 0;
    if (box.hidden) return;
    summary.textContent =
      notes.length === 1 ? notes[0].text : say("folders.notes", { count: notes.length });
    const said = notes.length === 1 ? [] : notes.map(({ text }) => text);
    const advice = new Set(notes.flatMap(({ suggestions }) => suggestions ?? []));
    list.replaceChildren(...[...said, ...advice].map((text) => el("li", { text })));
  };
  store.addEventListener("library", draw);
  draw();
  return box;
}
