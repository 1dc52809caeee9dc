/** The input picture and how it is cut to the video's size; the form's panel shows it. */

import { send } from "../../../lora_ui/assets/kit/api.js";
import { toast } from "../../../lora_ui/assets/kit/toasts.js";
import { store } from "../../../lora_ui/assets/model/store.js";
import { keep, kept } from "../base/tab_storage.js";
import { say } from "../texts/say.js";

const KEPT = "studio-picture";
const USUAL = { fit: "crop", x: 0.5, y: 0.5, zoom: 1 };

/** Event: change. `models` says for each model its `use` of a picture and its usual `ratio`. */
class PictureInput extends EventTarget {
  models = {};
  turn = 0; // goes up with every choice, so that an upload which ends later does not undo it
  picture = null;
  cut = { ...USUAL };
  ratio = 1;

  constructor() {
    super();
    try {
      const { picture, cut } = JSON.parse(kept(KEPT) ?? "{}");
      if (picture?.id) Object.assign(this, { picture, cut: { ...USUAL, ...cut } });
    } catch {
      // Somebody else's text; begin without a picture.
    }
  }

  /** "none", "optional" or "required". */
  get use() {
    return this.models[store.model]?.use ?? "none";
  }

  set(picture) {
    this.turn += 1;
    this.picture = picture;
    this.cut = { ...USUAL };
    this.#changed();
  }

  change(cut) {
    Object.assign(this.cut, cut);
    this.#changed();
  }

  /** Width through height of the video. */
  setRatio(ratio) {
    if (!Number.isFinite(ratio) || ratio <= 0 || ratio === this.ratio) return;
    this.ratio = ratio;
    this.dispatchEvent(new Event("change"));
  }

  /** The part of the picture that fills the video, in fractions of its sides. */
  box() {
    const { width, height } = this.picture;
    const relative = this.ratio / (width / height);
    const w = Math.min(1, relative) / this.cut.zoom;
    const h = Math.min(1, 1 / relative) / this.cut.zoom;
    const place = (middle, size) => Math.min(1 - size, Math.max(0, middle - size / 2));
    return { x: place(this.cut.x, w), y: place(this.cut.y, h), width: w, height: h };
  }

  /** As a task takes it; null where the model takes none or none is chosen. */
  value() {
    if (!this.picture || this.use === "none") return null;
    const { id } = this.picture;
    return this.cut.fit === "pad" ? { id, fit: "pad" } : { id, fit: "crop", box: this.box() };
  }

  #changed() {
    keep(KEPT, JSON.stringify({ picture: this.picture, cut: this.cut }));
    this.dispatchEvent(new Event("change"));
  }
}

export const pictureInput = new PictureInput();

/** Take a stored picture as the input; says so where the chosen model takes none. */
export function offerPicture(picture) {
  pictureInput.set(picture);
  if (pictureInput.use !== "none") return;
  const models = Object.entries(pictureInput.models)
    .filter(([, { use }]) => use !== "none")
    .map(([name]) => name);
  toast(say("picture.notTaken"), {
    details: models.length > 0 ? [say("picture.chooseModel", { models: models.join(", ") })] : [],
  });
}

/** Send a picture's file to the server and take it as the input; gives the server's answer. */
export async function takePictureFile(file) {
  pictureInput.turn += 1;
  const { turn } = pictureInput;
  const { carries, ...picture } = await send("api/pictures", file);
  if (turn === pictureInput.turn) pictureInput.set(picture);
  return { ...picture, carries };
}
