/** The videos of a grid in place: they arrive, play in step, are compared, starred and used again. */
import { address } from "../../../lora_ui/assets/kit/api.js";
import { delegate, el } from "../../../lora_ui/assets/kit/dom.js";
import { openMenu } from "../../../lora_ui/assets/kit/menu.js";
import { compareResults } from "../results/compare_results.js";
import { markFavourite, reuseResult } from "../results/result_actions.js";
import { results } from "../results/results.js";
import { openViewer } from "../results/viewer.js";
import { say } from "../texts/say.js";
import { layOut } from "./cells_layout.js";
import { resultsOf } from "./grid_results.js";
import { InStep } from "./in_step.js";

const ALL_AT_ONCE = 12; // of more videos, only those in sight are loaded

/**
 * `update(job)` brings it up to date without building it anew. `used()` follows "Use these settings";
 * `enlarge()` shows it in more room, where there is more.
 */
export function createGridView(job, { used = () => {}, enlarge = null } = {}) {
  const over = new AbortController();
  const { element: places, cells } = layOut(job);
  const view = { cells, chosen: [], asked: new Set(), playing: new InStep(), used };
  const controls = createControls(view, job, enlarge);
  const sight = watchSight(view);
  delegate(places, "click", (target) => act(view, controls, target));
  results.addEventListener("list", () => follow(view), { signal: over.signal });
  const update = (now) => {
    for (const part of now.parts) view.cells.get(part.id)?.update(part, now);
    readNew(view, now, sight, over.signal).then(() => controls.draw());
    controls.draw();
  };
  update(job);
  return {
    element: el("div", { class: "cells-box" }, controls.element, places),
    update,
    stop: () => {
      over.abort();
      sight.disconnect();
      view.playing.stop();
    },
  };
}

function createControls(view, job, enlarge) {
  const play = button(say("grid.pause"), () => {
    play.textContent = view.playing.toggle() ? say("grid.pause") : say("grid.play");
  });
  const again = button(say("grid.restart"), () => {
    view.playing.restart();
    play.textContent = say("grid.pause");
  });
  const note = el("p", { class: "muted", role: "status" });
  const compare = button(say("grid.compare"), () =>
    compareResults(
      view.chosen.map((cell) => ({ ...cell.item, label: cell.name })),
      { wipe: true },
    ),
  );
  const element = el(
    "div",
    { class: "cells-controls" },
    play,
    again,
    enlarge && button(say("grid.larger"), enlarge),
    job.grid && [sheet(job, "png", say("grid.picture")), sheet(job, "mp4", say("grid.video"))],
    compare,
    note,
  );
  const draw = () => {
    element.hidden = ![...view.cells.values()].some((cell) => cell.video);
    compare.hidden = view.chosen.length !== 2;
    note.textContent = view.chosen.length === 1 ? say("grid.oneMore") : "";
  };
  return { element, draw };
}

function button(text, run) {
  const made = el("button", { type: "button", class: "button", text });
  made.addEventListener("click", run);
  return made;
}

function sheet(job, kind, text) {
  const href = address(`api/jobs/${job.id}/sheet`, { as: kind, download: true });
  return el("a", { class: "button", href, download: "", text });
}

/** Ask for the results that have come since the last time. */
async function readNew(view, job, sight, signal) {
  const fresh = job.parts.filter(({ id, state }) => state === "done" && !view.asked.has(id));
  if (fresh.length === 0) return;
  const ids = fresh.map(({ id }) => id);
  for (const id of ids) view.asked.add(id);
  try {
    const found = await resultsOf(ids);
    if (signal.aborted) return;
    for (const [id, item] of found) {
      const cell = view.cells.get(id);
      cell.take(item);
      if (cell.video) sight.add(cell);
    }
  } catch {
    for (const id of ids) view.asked.delete(id); // the next news asks again
  }
}

/** Few videos all play; of many, those that are in sight. */
function watchSight(view) {
  if (view.cells.size <= ALL_AT_ONCE) {
    return { add: (cell) => view.playing.add(cell.video), disconnect: () => {} };
  }
  const videos = new Map(); // by the element that is watched
  const observer = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const video = videos.get(target);
      if (isIntersecting) view.playing.add(video);
      else view.playing.remove(video);
    }
  });
  return {
    add: (cell) => {
      videos.set(cell.element, cell.video);
      observer.observe(cell.element);
    },
    disconnect: () => observer.disconnect(),
  };
}

/** A star that was given elsewhere is shown here too. */
function follow(view) {
  for (const item of results.items) {
    const cell = view.cells.get(item.id);
    if (cell?.item) cell.take(item);
  }
}

async function act(view, controls, target) {
  const cell = view.cells.get(target.closest(".cell").dataset.id);
  switch (target.dataset.action) {
    case "favourite": {
      const changed = await markFavourite(cell.item, !cell.item.favourite);
      if (changed) cell.take(changed);
      break;
    }
    case "compare":
      choose(view, cell);
      controls.draw();
      break;
    case "use":
      if (await reuseResult(cell.item)) view.used();
      break;
    case "more":
      openMenu(target, say("grid.more", { name: cell.name }), moreOf(cell));
      break;
  }
}

/** Two at most: a third takes the place of the first. */
function choose(view, cell) {
  const others = view.chosen.filter((one) => one !== cell);
  const isNew = others.length === view.chosen.length;
  view.chosen = isNew ? [...others, cell].slice(-2) : others;
  for (const one of view.cells.values()) one.press("compare", view.chosen.includes(one));
}

function moreOf({ item, name }) {
  return [
    { label: say("grid.openVideo"), glyph: "play", run: () => openViewer(item.id) },
    { label: say("grid.saveVideo"), glyph: "save", run: () => save(item, name) },
  ];
}

function save(item, name) {
  const href = address(`api/results/${encodeURIComponent(item.id)}/video`);
  const link = el("a", { href, download: `${name}.mp4` });
  document.body.append(link);
  link.click();
  link.remove();
}
