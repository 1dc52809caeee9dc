/** Uploading: a row per file with its progress, then its verdict or why it was refused. */
import { ApiError, address, errorFrom, unreachable } from "./api.js";
import { concern, facts, fits } from "./describe.js";
import { actionButton, el } from "./dom.js";
import { bytes, seconds } from "./format.js";
import { store } from "./store.js";

const AT_ONCE = 2;
const waiting = [];
let running = 0;

/** Queue `files` for upload; their rows appear in `list`. */
export function uploadFiles(files, list) {
  for (const file of files) {
    const row = createRow(file);
    list.prepend(row.element);
    waiting.push(row);
  }
  pump();
}

function pump() {
  while (running < AT_ONCE && waiting.length > 0) {
    running += 1;
    send(waiting.shift()).finally(() => {
      running -= 1;
      pump();
    });
  }
}

function createRow(file) {
  const bar = el("progress", { max: 1, value: 0, "aria-label": `Upload of ${file.name}` });
  const note = el("p", { class: "upload-note muted", role: "status", text: "Waiting" });
  const button = actionButton("stop", `Cancel the upload of ${file.name}`, "close", {
    class: "icon-button",
  });
  const element = el(
    "li",
    { class: "upload" },
    el("p", { class: "upload-name", text: file.name }),
    button,
    bar,
    note,
  );
  const row = { file, bar, note, button, element, stop: null, stopped: false };
  button.addEventListener("click", () => {
    if (row.done) element.remove();
    else stopRow(row);
  });
  return row;
}

function stopRow(row) {
  row.stopped = true;
  if (row.stop) row.stop();
}

async function send(row) {
  try {
    if (row.stopped) throw cancelled();
    refuseEarly(row.file);
    const { record } = await transfer(row);
    await store.refresh();
    finish(row, "upload-done", verdict(store.byName.get(record.name) ?? record));
  } catch (error) {
    finish(row, "upload-failed", [error.message, ...(error.suggestions ?? [])].join(" "));
  }
}

function refuseEarly(file) {
  const limit = store.options.maxUploadBytes;
  if (limit && file.size > limit) {
    throw new ApiError({
      message: `The file has ${bytes(file.size)}; at most ${bytes(limit)} are accepted.`,
      suggestions: ["Raise max_upload_mb in config.json if you trust the file."],
    });
  }
}

function cancelled() {
  return new ApiError({ category: "cancelled", message: "Cancelled; nothing was kept." });
}

function transfer(row) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    const started = performance.now();
    row.stop = () => xhr.abort();
    xhr.upload.addEventListener("progress", (event) => showProgress(row, event, started));
    xhr.upload.addEventListener("load", () => {
      row.note.textContent = "Checking the file";
    });
    xhr.addEventListener("load", () => {
      if (xhr.status < 300) resolve(JSON.parse(xhr.responseText));
      else reject(errorFrom(xhr.responseText, xhr.status));
    });
    xhr.addEventListener("error", () => reject(unreachable()));
    xhr.addEventListener("abort", () => reject(cancelled()));
    xhr.open("PUT", address("api/loras/upload", { filename: row.file.name }));
    xhr.send(row.file);
  });
}

function showProgress(row, { loaded, total }, started) {
  const spent = (performance.now() - started) / 1000;
  const speed = loaded / Math.max(spent, 0.001);
  row.bar.value = total ? loaded / total : 0;
  const left = spent > 1 ? `, ${seconds((total - loaded) / speed)} left` : "";
  row.note.textContent = `${bytes(loaded)} of ${bytes(total)}, ${bytes(speed)}/s${left}`;
}

function finish(row, className, text) {
  row.done = true;
  row.element.classList.add(className);
  row.bar.remove();
  row.note.textContent = text;
  row.note.classList.remove("muted");
  row.button.setAttribute("aria-label", `Dismiss ${row.file.name}`);
  row.button.title = "Dismiss";
}

function verdict(lora) {
  const title = store.modelTitle;
  const fit = fits(lora, store.model) ? `fits ${title}` : concern(lora, store.model);
  return `Added as ${lora.name}: ${fit} · ${facts(lora)}`;
}
