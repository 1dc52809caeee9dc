/** Uploading: a queue of files, several on their way at once, a row for each. */
import { ApiError } from "../kit/api.js";
import { el, icon } from "../kit/dom.js";
import { folderOf } from "../kit/drop_zone.js";
import { bytes, MB, seconds } from "../kit/format.js";
import { toastError } from "../kit/toasts.js";
import { cancelled, transfer } from "../kit/transfer.js";
import { bundled, isArchive, mayCarrySettings, stemOf } from "../kit/upload_groups.js";
import { fromTrash, toTrash } from "../model/library_api.js";
import { query } from "../model/library_query.js";
import { titleFor } from "../model/lora_text.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";
import { addWhatCame } from "./for_video.js";
import { UploadRow } from "./upload_row.js";

const AT_ONCE = 3;
const LISTED = 20; // files that are left out, a row each; the rest share one
const LOAD_SETTINGS = [say("upload.loadSettings"), "settings"];

/**
 * `element` holds the rows and what they sum up to; `take(files)` queues files. With `forVideo`
 * the LoRAs among them are meant for the video that is being set up; `others(rows)` says what
 * becomes of files that go with no LoRA.
 */
function createUploads() {
  const rows = [];
  const awaited = []; // rows that were dropped together for the video
  const total = el("p", { class: "uploads-total" });
  const stopAll = button(say("upload.cancelAll"), () =>
    rows.filter((row) => !row.isOver).forEach(stop),
  );
  const clear = button(say("upload.clear"), () => drop(rows.filter((row) => row.isOver)));
  const fold = foldButton((open) => element.classList.toggle("uploads-folded", !open));
  const list = el("ul", { class: "uploads", "aria-label": say("upload.title") });
  const head = el("div", { class: "uploads-head" }, total, stopAll, clear, fold);
  const element = el(
    "section",
    { class: "uploads-box", "aria-label": say("upload.title"), hidden: true },
    head,
    list,
  );

  function take(files, { forVideo = false, others = null } = {}) {
    const { loras, left } = bundled(files, folderOf);
    const sent = loras.map(add);
    if (forVideo) awaited.push(sent.map((row) => Object.assign(row, { forVideo })));
    const listed = left.slice(0, LISTED).map((file) => add({ file, folder: folderOf(file) }));
    if (others && sent.length === 0) others(listed);
    else
      for (const row of listed)
        leave(row, sent.length > 0 ? say("upload.notNamed") : say("upload.noLora"));
    if (left.length > LISTED) leaveTogether(left.slice(LISTED));
    pump();
  }

  /** Of a folder with many other files, one row has a line for each. */
  function leaveTogether(files) {
    const name = say("upload.moreLeftOut", { count: files.length });
    const size = files.reduce((sum, file) => sum + file.size, 0);
    const row = add({ file: { name, size }, folder: "" });
    row.leave(say("upload.notNamed"));
    row.list(files.map((file) => [folderOf(file), file.name].filter(Boolean).join("/")));
  }

  /** Not taken; a file that may carry settings still offers them, where the page has a form. */
  function leave(row, why) {
    const offers = uploads.readSettings !== null && mayCarrySettings(row.file);
    row.leave(why, offers ? [LOAD_SETTINGS] : []);
  }

  function add(lora) {
    const row = new UploadRow(lora, (action) => answer(row, action));
    rows.push(row);
    list.append(row.element);
    return row;
  }

  function pump() {
    const busy = rows.filter((row) => ["sending", "checking"].includes(row.state)).length;
    const waiting = rows
      .filter((row) => row.state === "waiting")
      .slice(0, Math.max(0, AT_ONCE - busy));
    for (const row of waiting) start(row);
    draw();
  }

  function start(row) {
    // In a folder of its own it may have the name of another one.
    const clash = row.folder || isArchive(row.file) ? null : store.byName.get(stemOf(row.filename));
    if (clash && !row.replaces) {
      askAboutName(row, clash);
      return;
    }
    row.begin();
    send(row).finally(pump);
  }

  const pairs = []; // that uploads made

  async function send(row) {
    try {
      refuseEarly(row.file);
      if (row.replaces) await toTrash(row.replaces);
      const { record, beside, uploads } = await transfer(
        row,
        (now) => progress(row, now),
        row.stop,
      );
      await store.refresh();
      const refused = beside.filter(({ error }) => error);
      if (uploads) row.unpacked(uploads);
      else {
        row.done(store.byName.get(record.name) ?? record, refused, filesOf(record));
        if (record.is_pair) pairs.push(record);
        // The other half may have come first, or may be told of first.
        for (const pair of pairs) amend(rows, pair);
      }
    } catch (error) {
      if (row.replaces) await fromTrash(row.replaces).catch(toastError);
      failed(row, error);
    }
    row.replaces = null;
  }

  function progress(row, now) {
    row.progress(now);
    draw();
  }

  function failed(row, error) {
    const { reason, existing, proposed_name: proposed, uploads } = error.context ?? {};
    if (uploads) {
      row.unpacked(uploads);
    } else if (reason === "duplicate") {
      row.isThere(existing, say("upload.duplicate", { title: titleFor(existing) }), [
        [say("upload.show", { title: titleFor(existing) }), "show"],
        [say("upload.skip"), "skip"],
      ]);
    } else if (proposed) {
      row.proposed = proposed;
      row.ask(error.message, [
        [say("upload.uploadAs", { name: proposed }), "rename"],
        [say("upload.skip"), "skip"],
      ]);
    } else if (error.category === "connection") {
      row.ask(say("upload.nothingKept", { why: error.message }), [
        [say("upload.again"), "again"],
        [say("upload.skip"), "skip"],
      ]);
    } else {
      row.fail(error);
    }
  }

  function askAboutName(row, clash) {
    row.proposed = freeName(clash.name, rows);
    const alike = Math.abs(clash.size_mb - row.file.size / MB) < 0.002;
    const choices = [
      [say("upload.uploadAs", { name: row.proposed }), "rename"],
      [say("upload.skip"), "skip"],
    ];
    if (!clash.read_only) choices.splice(1, 0, [say("upload.replace"), "replace"]);
    row.ask(
      alike
        ? say("upload.clashAlike", { name: clash.name })
        : say("upload.clash", { name: clash.name }),
      choices,
    );
    queueMicrotask(pump);
  }

  function answer(row, action) {
    if (action === "stop") stop(row);
    if (action === "dismiss") drop([row]);
    if (action === "settings") uploads.readSettings(row);
    if (action === "skip") drop([row]);
    if (action === "show") {
      query.clear();
      query.set({ text: row.brought[0] });
      uploads.showLibrary();
    }
    if (action === "replace") row.replaces = stemOf(row.filename);
    if (action === "rename")
      row.filename = `${row.proposed}${row.filename.slice(stemOf(row.filename).length)}`;
    if (["rename", "replace", "again"].includes(action)) row.state = "waiting";
    pump();
  }

  function stop(row) {
    if (row.stop.now && ["sending", "checking"].includes(row.state)) row.stop.now();
    else row.fail(cancelled());
    pump();
  }

  function drop(gone) {
    for (const row of gone) {
      rows.splice(rows.indexOf(row), 1);
      row.element.remove();
    }
    draw();
  }

  function look() {
    for (const group of [...awaited]) {
      const left = group.filter((row) => rows.includes(row));
      if (addWhatCame(left)) awaited.splice(awaited.indexOf(group), 1);
    }
  }

  function draw() {
    look();
    element.hidden = rows.length === 0;
    const open = rows.filter((row) => !row.isOver);
    stopAll.hidden = open.length < 2;
    clear.hidden = !rows.some((row) => row.isOver);
    const text = totalText(rows, open);
    if (total.textContent !== text) total.textContent = text;
  }

  addEventListener("beforeunload", (event) => {
    if (rows.some((row) => ["waiting", "sending", "checking"].includes(row.state)))
      event.preventDefault();
  });
  store.addEventListener("selection", () => {
    for (const row of rows) row.showUses();
  });
  return { element, take, leave, draw, readSettings: null, showLibrary: () => {} };
}

/** The page's list. `readSettings(row)` fills the page's form from a row's file, and
 * `showLibrary()` opens the library's tab, in a page that has them. */
export const uploads = createUploads();

/** The paths of a record's files. */
function filesOf({ files }) {
  return new Set(Object.values(files ?? {}));
}

/** The rows of a pair's halves say what the pair is, as long as it is one. */
function amend(rows, pair) {
  const card = store.byName.get(pair.name);
  if (!card) return;
  const files = filesOf(pair);
  for (const row of rows) {
    const half = row.state === "done" && [...row.paths].some((path) => files.has(path));
    if (half) row.done(card, row.left, row.paths);
  }
}

function foldButton(show) {
  const fold = el(
    "button",
    {
      type: "button",
      class: "icon-button uploads-fold",
      "aria-expanded": "true",
      "aria-label": say("upload.showEach"),
      title: say("upload.showEach"),
    },
    icon("down"),
  );
  fold.addEventListener("click", () => {
    const open = fold.getAttribute("aria-expanded") !== "true";
    fold.setAttribute("aria-expanded", String(open));
    show(open);
  });
  return fold;
}

function totalText(rows, open) {
  const moving = open.filter((row) => row.state !== "asking");
  const over = say("upload.finished", { done: rows.length - open.length, count: rows.length });
  if (moving.length === 0) return over;
  const size = moving.reduce((sum, row) => sum + row.size, 0);
  const sent = moving.reduce((sum, row) => sum + Math.min(row.sent, row.size), 0);
  const speed = moving.reduce((sum, row) => sum + (row.state === "sending" ? row.speed : 0), 0);
  const words = [over, say("upload.part", { sent: bytes(sent), total: bytes(size) })];
  if (speed > 0) {
    words.push(say("upload.speed", { size: bytes(speed) }));
    words.push(say("upload.left", { time: seconds((size - sent) / speed) }));
  }
  return words.join(" · ");
}

function freeName(name, rows) {
  const taken = new Set([...store.byName.keys(), ...rows.map((row) => stemOf(row.filename))]);
  let number = 2;
  while (taken.has(`${name}_${number}`)) number += 1;
  return `${name}_${number}`;
}

function refuseEarly(file) {
  const limit = store.options.maxUploadBytes;
  if (limit && file.size > limit) {
    throw new ApiError({
      message: say("upload.tooLarge", { size: bytes(file.size), most: bytes(limit) }),
      suggestions: [say("upload.raiseLimit")],
    });
  }
}

function button(text, act) {
  const made = el("button", { type: "button", class: "button button-quiet", text });
  made.addEventListener("click", act);
  return made;
}
