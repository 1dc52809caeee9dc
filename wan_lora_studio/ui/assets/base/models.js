/** The models of the table: which are here, and what is being downloaded. */
import { request } from "../../../lora_ui/assets/kit/api.js";

const BUSY_MS = 1000;
const LOST_MS = 3000;
const ACTIVE = ["waiting", "running"];

/** Event: models (something was learned). `rows` and `leftOut` are as `GET /api/models` has them. */
class Models extends EventTarget {
  rows = [];
  free = null;
  leftOut = [];
  #timer = 0;
  #started = false;

  start() {
    if (this.#started) return;
    this.#started = true;
    this.reread();
  }

  get(name) {
    return this.rows.find((row) => row.name === name) ?? null;
  }

  async reread() {
    clearTimeout(this.#timer);
    let pause = this.rows.some(isActive) ? LOST_MS : 0;
    try {
      const { models: rows, left_out: leftOut, free } = await request("GET", "api/models");
      const problems = new Map(this.rows.map((row) => [row.name, row.problem]));
      this.rows = rows.map((row) => ({ ...row, problem: problems.get(row.name) ?? null }));
      this.free = free;
      this.leftOut = leftOut;
      pause = rows.some(isActive) ? BUSY_MS : 0;
      this.#tell();
    } catch {
      // The status line says that the server is gone.
    }
    if (pause) this.#timer = setTimeout(() => this.reread(), pause);
  }

  /** Ask the hub for the sizes of one that is not here. */
  async look(name) {
    const row = await request("GET", `api/models/${encodeURIComponent(name)}`);
    this.rows = this.rows.map((known) => (known.name === name ? row : known));
    this.#tell();
    return row;
  }

  /** download, pause, cancel, verify or remove; raises ApiError. */
  async act(name, action) {
    await request("POST", `api/models/${encodeURIComponent(name)}/${action}`);
    await this.reread();
  }

  #tell() {
    this.dispatchEvent(new Event("models"));
  }
}

export function isActive(row) {
  return ACTIVE.includes(row.download?.stage);
}

export const models = new Models();
