/** Asking the server how things stand, and telling every part of the page. */
import { request } from "../../../lora_ui/assets/kit/api.js";
import { store } from "../../../lora_ui/assets/model/store.js";

const BUSY_MS = 400;
const IDLE_MS = 1000;
const HIDDEN_MS = 4000;
const LOST_MS = 2000;
const FRESH_MS = 5000; // until numbers that are no news by themselves are asked for again

/** Events: status (something changed) and connection (lost or found again). */
class Poll extends EventTarget {
  status = null;
  connected = true;
  #timer = 0;
  #answered = 0;
  #asking = false;
  #askAgain = false;
  #started = false;

  start() {
    if (this.#started) return;
    this.#started = true;
    document.addEventListener("visibilitychange", () => document.hidden || this.now());
    this.now();
  }

  /** Ask at once. */
  now() {
    if (this.#asking) {
      this.#askAgain = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#ask();
  }

  get active() {
    return ["running", "queued"].includes(this.status?.job?.state);
  }

  async #ask() {
    this.#asking = true;
    try {
      const old = performance.now() - this.#answered > FRESH_MS;
      const params = { rev: old ? "" : (this.status?.rev ?? "") };
      this.#take(await request("GET", "api/status", { params }));
      this.#connection(true);
    } catch {
      this.#connection(false);
    }
    this.#asking = false;
    if (this.#askAgain) {
      this.#askAgain = false;
      this.#ask();
      return;
    }
    this.#timer = setTimeout(() => this.#ask(), this.#pause());
  }

  #take(status) {
    if (status === null) return;
    this.status = status;
    this.#answered = performance.now();
    store.sawRevision(status.library);
    store.sawWorker(status.worker, status.job, status.cpu);
    this.dispatchEvent(new Event("status"));
  }

  #connection(connected) {
    if (connected === this.connected) return;
    this.connected = connected;
    store.sawConnection(connected);
    this.dispatchEvent(new Event("connection"));
  }

  #pause() {
    if (!this.connected) return LOST_MS;
    if (document.hidden) return HIDDEN_MS;
    return this.active || this.status?.worker.state !== "ready" ? BUSY_MS : IDLE_MS;
  }
}

export const poll = new Poll();
