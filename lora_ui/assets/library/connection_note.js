/** A line over the tab while the program does not answer. */
import { el, icon } from "../kit/dom.js";
import { store } from "../model/store.js";

export function connectionNote() {
  const note = el("div", { class: "connection-note", role: "alert", hidden: true });
  const draw = () => {
    note.hidden = store.connected;
    note.replaceChildren(
      ...(store.connected
        ? []
        : [
            icon("info"),
            el("p", {
              text:
                "No connection to the program. What you see may be out of date; your selection is" +
                " kept here and saved as soon as the program answers again.",
            }),
          ]),
    );
  };
  store.addEventListener("connection", draw);
  draw();
  return note;
}
