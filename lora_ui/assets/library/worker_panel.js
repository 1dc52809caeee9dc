/** What the worker holds at this moment: each LoRA with its state, the memory and the CPU. */
import { el } from "../kit/dom.js";
import { bytes } from "../kit/format.js";
import { stateOf } from "../model/lora_states.js";
import { titleFor } from "../model/lora_text.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";

const WORKER = {
  stopped: say("worker.stopped"),
  starting: say("worker.starting"),
  loading: say("worker.loading"),
  ready: say("worker.ready"),
  busy: say("worker.busy"),
  restarting: say("worker.restarting"),
  failed: say("worker.failed"),
};

export function createWorkerPanel() {
  const state = el("p", { class: "worker-state", role: "status" });
  const list = el("ul", { class: "worker-loras", "aria-label": say("worker.loras") });
  const memory = el("div", { class: "worker-memory" });
  const panel = el(
    "section",
    { class: "worker", "aria-label": say("worker.label") },
    el("h2", { class: "section-title", text: say("worker.title") }),
    state,
    list,
    memory,
  );
  const draw = () => {
    const text = stateText();
    if (state.textContent !== text) state.textContent = text;
    list.replaceChildren(...names().map(row));
    memory.replaceChildren(...memoryBars(store.worker?.memory ?? {}), ...cpuBar(store.cpu));
  };
  for (const event of ["worker", "selection", "library", "connection"]) {
    store.addEventListener(event, draw);
  }
  draw();
  return panel;
}

function stateText() {
  if (!store.connected) return say("worker.away");
  if (!store.worker) return say("worker.asking");
  const { state, model, device, detail } = store.worker;
  const place = [
    model && store.titleOfModel(model),
    device && say("worker.on", { device: device.toUpperCase() }),
  ];
  const words = detail && !model ? detail : WORKER[state];
  return [words, ...place].filter(Boolean).join(" · ");
}

/** Selected LoRAs, and those that the worker holds besides. */
function names() {
  return [...new Set([...store.selection.keys(), ...Object.keys(store.workerLoras)])];
}

function row(name) {
  const { state, text, why } = stateOf(name);
  return el(
    "li",
    { dataset: { state } },
    el("span", { class: "worker-name", text: titleFor(name), title: name }),
    el("span", { class: "worker-what", text }),
    why && el("p", { class: "worker-why", text: why }),
  );
}

function memoryBars(memory) {
  const { gpu_used: used, gpu_total: total, process, free } = memory;
  return [
    total > 0 && bar(say("cost.gpu"), used, total),
    process > 0 && bar(say("worker.memory"), process, process + (free ?? 0)),
  ].filter(Boolean);
}

function cpuBar(cpu) {
  if (!cpu) return [];
  const { machine, page, workers, cores } = cpu;
  const text = say("worker.cpu", {
    machine: Math.round(machine),
    count: cores,
    workers: Math.round(workers),
    page: Math.round(page),
  });
  return [meter(say("worker.cpuLabel"), machine, 100, text)];
}

function bar(label, used, total) {
  return meter(label, used, total, say("worker.used", { used: bytes(used), total: bytes(total) }));
}

function meter(label, value, max, text) {
  return el(
    "div",
    { class: "memory" },
    el("span", { text: label }),
    el("meter", { min: 0, max, value, high: max * 0.9, "aria-label": label }),
    el("span", { class: "muted", text }),
  );
}
