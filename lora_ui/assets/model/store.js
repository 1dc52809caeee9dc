/**
 * What every part of the page shares: the library, the selection and the current model.
 *
 * The selection lives here and, a moment later, on the server. Generate reads it from here, so
 * a slider that moved just before counts. Events: library, selection, added ({name}, by a person),
 * summary, model, worker, connection.
 */
import { request } from "../kit/api.js";
import { toastError } from "../kit/toasts.js";
import { say } from "../texts/say.js";
import { Selection } from "./selection.js";

const WHEN_READ = ["library", "summary", "connection"];
const READS_APART = 4; // times as long as the last reading took

class Store extends EventTarget {
  cards = [];
  byName = new Map();
  recent = [];
  awaited = []; // LoRAs of a video that the library lacks: {name, sha256, hashes, strength}
  stack = new Selection(
    this,
    (type, detail) => this.#tell(type, detail),
    (error) => toastError(error),
  );
  options = { strength: { min: -1, max: 2, default: 1 }, models: {}, defaultModel: "" };
  features = {}; // what the page around has: worker, compare, results, fill
  model = "";
  duplicates = [];
  folders = []; // paths, with those that hold no LoRA
  search = { fields: ["name"], called: ["name"], description: 0 }; // what is searched
  families = {}; // what families of models are called
  notes = []; // what is to be said of the folders: text, suggestions
  progress = null; // what the library is doing in the background
  worker = null;
  workerLoras = {};
  lastJob = null;
  cpu = null; // in percent of all cores: machine, page, workers
  connected = true;
  problem = null;
  loaded = false;
  #revision = null;
  #started = null;
  #fetches = 0;
  #newest = null;
  #workerSeen = "";
  #readTimer = 0;
  #readEnded = 0;
  #readTook = 0;

  /** Load once; every part of the page calls this before it builds anything. */
  start(options) {
    for (const [name, there] of Object.entries(options.features ?? {})) {
      this.features[name] ||= there;
    }
    if (!this.#started) {
      this.options = { ...this.options, ...options };
      this.model ||= options.defaultModel;
      this.#started = Promise.all([this.stack.start(), this.refresh()]);
    }
    return this.#started;
  }

  /** Done once the library and the stack were read, or the server turned out not to answer. */
  known() {
    const read = () => !this.connected || (this.loaded && this.summary !== null);
    return new Promise((done) => {
      const look = () => {
        if (!read()) return;
        for (const event of WHEN_READ) this.removeEventListener(event, look);
        done();
      };
      for (const event of WHEN_READ) this.addEventListener(event, look);
      look();
    });
  }

  /** Whether the page is another app's, whose keys and files are not ours. */
  get hosted() {
    return this.options.hosted === true;
  }

  get experts() {
    return this.options.models[this.model]?.experts ?? ["high"];
  }

  /** The current model's name, without what its title says in brackets. */
  get modelTitle() {
    return this.titleOfModel(this.model);
  }

  titleOfModel(model) {
    const { title } = this.options.models[model] ?? { title: say("lora.thisModel") };
    return title.replace(/ \(.*\)$/, "");
  }

  /** Of these models the first of each kind: rows that differ in their weights' storage take the same LoRAs. */
  oneOfEachKind(models) {
    const kindOf = (model) => this.options.models[model]?.architecture ?? model;
    return models.filter(
      (model, at) => models.findIndex((m) => kindOf(m) === kindOf(model)) === at,
    );
  }

  /** Read the library again; done when the newest reading is. */
  refresh() {
    this.#newest = this.#read();
    return this.#newest;
  }

  async #read() {
    const turn = ++this.#fetches;
    const began = performance.now();
    clearTimeout(this.#readTimer);
    this.#readTimer = 0;
    let data = null;
    let problem = null;
    try {
      data = unpacked(await request("GET", "api/loras/cards"));
    } catch (error) {
      problem = error;
    }
    this.#readEnded = performance.now();
    this.#readTook = this.#readEnded - began;
    if (turn !== this.#fetches) return this.#newest;
    this.#take(data, problem);
  }

  #take(data, problem) {
    this.problem = problem;
    if (data !== null) {
      this.cards = data.loras;
      this.byName = new Map(data.loras.map((card) => [card.name, card]));
      this.recent = data.recent;
      this.duplicates = data.duplicates ?? [];
      this.folders = data.folders ?? [];
      this.notes = data.notes ?? [];
      this.families = data.families ?? {};
      this.search = data.search;
      this.#takeModels(data.models);
      this.progress = data.refresh_progress;
      this.loaded = true;
      this.#revision = data.revision;
    }
    this.#tell("library");
    this.stack.refresh();
  }

  /** A host may have another model now than it had when the page was built. */
  #takeModels(models) {
    const before = this.options.models;
    this.options.models = Object.fromEntries(
      models.map(({ model_type: name, ...row }) => [name, { ...before[name], ...row }]),
    );
    if (!(this.model in this.options.models)) this.setModel(models[0]?.model_type);
  }

  /** The server's library is at `revision`; read it again if that is news. */
  sawRevision(revision) {
    if (this.#revision === null || revision === this.#revision) return;
    this.#revision = revision;
    // A large library that is being looked through changes all the time; reading it takes long.
    const rest = this.#readEnded + this.#readTook * READS_APART - performance.now();
    this.#readTimer ||= setTimeout(() => this.refresh(), Math.max(0, rest));
  }

  /** What the worker says of itself, the job that runs or ran last, and the use of the CPU. */
  sawWorker(worker, job, cpu = null) {
    const seen = JSON.stringify([worker, job?.id, job?.state, cpu]);
    if (seen === this.#workerSeen) return;
    this.#workerSeen = seen;
    this.worker = worker;
    this.workerLoras = worker?.loras ?? {};
    this.lastJob = job ?? null;
    this.cpu = cpu;
    this.#tell("worker");
  }

  /** The server answers, or does not; once it does again, nothing that was missed stays so. */
  sawConnection(connected) {
    if (connected === this.connected) return;
    this.connected = connected;
    this.#tell("connection");
    if (!connected) return;
    this.refresh();
    this.stack.refresh();
  }

  setModel(model) {
    if (!model || model === this.model) return;
    this.model = model;
    this.#tell("model");
    this.stack.refresh();
  }

  startStrength(name) {
    const card = this.byName.get(name);
    const awaited = this.awaitedAs(card);
    if (awaited) return awaited.strength;
    return card?.last_strength ?? card?.preferred_strength ?? this.options.strength.default;
  }

  /** What a LoRA is in the video whose settings were taken over last, where it was not here then. */
  awaitedAs(card) {
    return this.awaited.find(({ name, sha256, hashes }) => {
      const known = [...Object.values(sha256), ...hashes];
      if (known.length === 0) return card?.name === name;
      return known.some((hash) => card?.hashes?.some((own) => isOneHash(own, hash)));
    });
  }

  /** Strengths by name, of everything in the stack. */
  get selection() {
    return this.stack.strengths;
  }

  get summary() {
    return this.stack.summary;
  }

  select(name, strength = this.startStrength(name)) {
    this.stack.add(name, strength);
    this.#tell("added", { name });
  }

  deselect(name) {
    this.stack.remove(name);
  }

  toggle(name) {
    if (this.selection.has(name)) this.deselect(name);
    else this.select(name);
  }

  /** Change a strength in place. */
  setStrength(name, strength) {
    this.stack.setStrength(name, strength);
  }

  renamed(oldName, newName) {
    this.stack.renamed(oldName, newName);
  }

  /** The selection in the contract's form, without what is switched off. */
  selected() {
    return this.stack.sent();
  }

  /** Take a whole selection, `{name: strength}`. */
  replace(selected) {
    this.stack.replace(Object.entries(selected).map(([name, strength]) => ({ name, strength })));
  }

  #tell(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** One may be the beginning of the other. */
function isOneHash(one, other) {
  return one.startsWith(other) || other.startsWith(one);
}

export const store = new Store();

/** The data as the server packs it, each verdict and each set of them written once: the same with every card's `verdicts` by model. Cards share equal verdicts. */
function unpacked(data) {
  const fits = data.fits.map((places) =>
    Object.fromEntries(Object.entries(places).map(([model, at]) => [model, data.verdicts[at]])),
  );
  for (const card of data.loras) {
    card.verdicts = fits[card.fit] ?? {};
  }
  return data;
}
