/** Asking a host's app how things stand: the library's revision, and what is applied of it. */
import { request } from "../kit/api.js";
import { store } from "./store.js";

const BUSY_MS = 400;
const IDLE_MS = 1000;
const HIDDEN_MS = 4000;
const LOST_MS = 2000;

class HostStatus {
  #rev = "";
  #shown = null; // which library the answers are about
  #busy = false;
  #connected = true;
  #timer = 0;
  #started = false;

  start() {
    if (this.#started) return;
    this.#started = true;
    document.addEventListener("visibilitychange", () => document.hidden || this.#ask());
    this.#ask();
  }

  async #ask() {
    clearTimeout(this.#timer);
    try {
      this.#take(await request("GET", "api/status", { params: { rev: this.#rev } }));
      this.#connection(true);
    } catch {
      this.#connection(false);
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), this.#pause());
  }

  #take(status) {
    if (status === null) return;
    const other = this.#shown !== null && this.#shown !== status.shown;
    this.#rev = status.rev;
    this.#shown = status.shown;
    this.#busy = Object.values(status.loras).some(({ state }) => state !== "failed");
    store.sawWorker({ loras: status.loras }, null);
    if (other) store.refresh();
    else store.sawRevision(status.library);
  }

  #connection(connected) {
    if (connected === this.#connected) return;
    this.#connected = connected;
    store.sawConnection(connected);
  }

  #pause() {
    if (!this.#connected) return LOST_MS;
    if (document.hidden) return HIDDEN_MS;
    return this.#busy ? BUSY_MS : IDLE_MS;
  }
}

export const hostStatus = new HostStatus();
