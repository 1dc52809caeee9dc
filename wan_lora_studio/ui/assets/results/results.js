/** The results that the gallery shows: fetched page by page, and again when they changed. */
import { request } from "../../../lora_ui/assets/kit/api.js";
import { pageAddress } from "../../../lora_ui/assets/kit/page_address.js";

const PAGE = 48;
const MOST = 200;

/** Events: list (what is shown changed), filters (what can be filtered by changed). */
class Results extends EventTarget {
  items = [];
  total = 0;
  filters = { models: [], loras: [] };
  query = { q: "", lora: "", model: "", favourite: "", days: "" };
  loading = false;
  loaded = false;
  problem = null;
  #next = null;
  #revision = null;
  #turn = 0;

  /** The query as the text of an address. */
  get written() {
    const asked = Object.entries(this.query).filter(([, value]) => value);
    return new URLSearchParams(asked).toString();
  }

  /** Ask for what such a text says. */
  show(text) {
    const params = new URLSearchParams(text);
    const names = Object.keys(this.query);
    return this.search(Object.fromEntries(names.map((name) => [name, params.get(name) ?? ""])));
  }

  get more() {
    return this.#next !== null;
  }

  get filtered() {
    return Object.values(this.query).some(Boolean);
  }

  /** Show what matches `changes` to the query. */
  search(changes = {}) {
    Object.assign(this.query, changes);
    pageAddress.set({ galleryFilter: this.written });
    return this.#read("", PAGE);
  }

  /** Read again as much as is shown, so that a long list stays where it is. */
  reread() {
    return this.#read("", Math.max(PAGE, this.items.length));
  }

  /** The next page, if there is one. */
  async readMore() {
    if (this.#next === null || this.loading) return;
    await this.#read(this.#next, PAGE);
  }

  /** Look whether anything changed, and read as much again as is shown if it did. */
  async check() {
    let filters = null;
    try {
      filters = await request("GET", "api/results/filters");
    } catch (error) {
      this.#fail(error);
      return;
    }
    if (filters.revision === this.#revision && !this.problem) return;
    this.#revision = filters.revision;
    this.filters = filters;
    this.dispatchEvent(new Event("filters"));
    await this.reread();
  }

  /** Put a changed result in its place. */
  take(result) {
    this.items = this.items.map((item) => (item.id === result.id ? result : item));
    this.#tell();
  }

  drop(id) {
    const kept = this.items.filter((item) => item.id !== id);
    this.total -= this.items.length - kept.length;
    this.items = kept;
    this.#tell();
  }

  async #read(cursor, count) {
    const turn = ++this.#turn;
    this.loading = true;
    this.#tell();
    try {
      const page = await this.#pages(cursor, count);
      if (turn !== this.#turn) return;
      this.items = cursor ? [...this.items, ...page.results] : page.results;
      this.total = page.total;
      this.#next = page.next;
      this.problem = null;
      this.loaded = true;
    } catch (error) {
      if (turn === this.#turn) this.#fail(error);
    } finally {
      if (turn === this.#turn) {
        this.loading = false;
        this.#tell();
      }
    }
  }

  /** `count` results from `cursor` on, in as many requests as it takes. */
  async #pages(cursor, count) {
    const found = { results: [], next: cursor, total: 0 };
    do {
      const limit = Math.min(MOST, count - found.results.length);
      const params = { ...this.#params(), limit, ...(found.next && { cursor: found.next }) };
      const page = await request("GET", "api/results", { params });
      found.results.push(...page.results);
      Object.assign(found, { next: page.next, total: page.total });
    } while (found.next !== null && found.results.length < count);
    return found;
  }

  #params() {
    const { days, ...rest } = this.query;
    const params = Object.fromEntries(Object.entries(rest).filter(([, value]) => value));
    if (days) {
      const start = new Date();
      start.setHours(0, 0, 0, 0);
      params.since = start.getTime() / 1000 - (Number(days) - 1) * 86400;
    }
    return params;
  }

  #fail(error) {
    this.problem = error;
    this.#tell();
  }

  #tell() {
    this.dispatchEvent(new Event("list"));
  }
}

export const results = new Results();
