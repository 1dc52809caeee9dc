/** The gallery tab: every finished video, to look at, find, compare and use again. */
import { connection } from "../../../lora_ui/assets/kit/api.js";
import { actionButton, delegate, el, icon } from "../../../lora_ui/assets/kit/dom.js";
import { pageAddress } from "../../../lora_ui/assets/kit/page_address.js";
import { titleFor } from "../../../lora_ui/assets/model/lora_text.js";
import { store } from "../../../lora_ui/assets/model/store.js";
import { poll } from "../base/poll.js";
import { showGrid } from "../base/run_events.js";
import { say } from "../texts/say.js";
import { openTrash } from "./gallery_trash.js";
import { deleteResult, deleteResults, markFavourite, reuseResult } from "./result_actions.js";
import { dayOf, gridCard, resultCard, showGridMarks, showMarks } from "./result_card.js";
import { results } from "./results.js";
import { createSelectionBar } from "./selection_bar.js";
import { openViewer } from "./viewer.js";

const CHECK_MS = 5000;
const TYPING_MS = 150;
const AHEAD_PX = 800;
const DAYS = {
  "": say("gallery.anyTime"),
  1: say("gallery.today"),
  7: say("gallery.week"),
  30: say("gallery.month"),
};

export function mount({ element, options }) {
  const view = createView(options);
  view.bar = createSelectionBar(
    () => view.chosen,
    () => choose(view, []),
  );
  element.classList.add("lora-ui", "gallery");
  element.replaceChildren(view.tools, view.bar.element, view.empty, view.list, view.more);
  connect(view, options);
  watch(element, view);
  draw(view);
}

function createView(options) {
  return {
    ...createTools(options),
    list: el("ul", { class: "results", "aria-label": say("gallery.results") }),
    empty: el("div", { class: "empty-place gallery-empty" }),
    more: el("button", { type: "button", class: "button gallery-more", text: say("gallery.more") }),
    cards: new Map(),
    days: new Map(),
    chosen: [],
  };
}

function createTools() {
  const search = el("input", {
    type: "search",
    class: "field gallery-search",
    placeholder: say("gallery.searchHint"),
    "aria-label": say("gallery.search"),
  });
  const selects = {
    model: el("select", { class: "field", "aria-label": say("gallery.model") }),
    lora: el("select", { class: "field", "aria-label": say("gallery.lora") }),
    days: el("select", { class: "field", "aria-label": say("gallery.made") }),
  };
  fill(selects.days, Object.entries(DAYS));
  const favourite = el("button", {
    type: "button",
    class: "chip",
    "aria-pressed": "false",
    text: say("gallery.favourites"),
  });
  const trash = actionButton("trash", say("gallery.trash"), "trash", { class: "icon-button" });
  const count = el("p", { class: "gallery-count muted", role: "status" });
  return {
    search,
    selects,
    favourite,
    trash,
    count,
    tools: el(
      "div",
      { class: "gallery-tools", role: "search" },
      el("span", { class: "search" }, icon("search"), search),
      selects.model,
      selects.lora,
      selects.days,
      favourite,
      count,
      trash,
    ),
  };
}

function connect(view, options) {
  let timer = 0;
  view.search.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(() => results.search({ q: view.search.value.trim() }), TYPING_MS);
  });
  for (const [name, select] of Object.entries(view.selects)) {
    select.addEventListener("change", () => results.search({ [name]: select.value }));
  }
  view.favourite.addEventListener("click", () => {
    const on = view.favourite.getAttribute("aria-pressed") !== "true";
    view.favourite.setAttribute("aria-pressed", String(on));
    results.search({ favourite: on ? "true" : "" });
  });
  view.trash.addEventListener("click", openTrash);
  view.more.addEventListener("click", () => results.readMore());
  results.addEventListener("list", () => draw(view));
  results.addEventListener("filters", () => drawFilters(view, options.models));
  const asked = () => pageAddress.get("galleryFilter") ?? "";
  const follow = () => {
    if (asked() !== results.written) results.show(asked());
    showQuery(view);
  };
  pageAddress.addEventListener("change", follow);
  store.addEventListener("library", () => {
    draw(view);
    drawFilters(view, options.models);
  });
  drawFilters(view, options.models);
  follow();
  delegate(view.list, "click", (target, event) => act(view, target, event));
}

/** The fields show what is asked for, also where the address said it. */
function showQuery(view) {
  const { q, favourite, ...chosen } = results.query;
  if (view.search.value.trim() !== q) view.search.value = q;
  view.favourite.setAttribute("aria-pressed", String(favourite === "true"));
  for (const [name, select] of Object.entries(view.selects)) {
    if (![...select.options].some(({ value }) => value === chosen[name])) {
      select.append(el("option", { value: chosen[name], text: chosen[name] }));
    }
    select.value = chosen[name];
  }
}

function act(view, target, { detail, shiftKey }) {
  const { id, grid } = target.closest(".result").dataset;
  if (grid) {
    actOnGrid(view, target.dataset.action, grid, detail);
    return;
  }
  const result = results.items.find((item) => item.id === id);
  if (!result) return;
  switch (target.dataset.action) {
    case "open":
      openViewer(id);
      break;
    case "favourite":
      markFavourite(result, !result.favourite);
      break;
    case "select":
      toggleChosen(view, result, shiftKey);
      break;
    case "reuse":
      reuseResult(result);
      break;
    case "delete":
      if (detail > 1) return; // the second click of two would meet the next card
      focusNeighbour(view, id);
      deleteResult(result);
      break;
  }
}

/** What is done to a grid is done to all of its videos that are listed. */
function actOnGrid(view, action, id, clicks) {
  const videos = results.items.filter(({ grid }) => grid === id);
  if (action === "open") showGrid(id);
  else if (action === "select") {
    const others = view.chosen.filter(({ grid }) => grid !== id);
    choose(view, isChosen(view, videos) ? others : [...others, ...videos]);
  } else if (clicks <= 1) {
    focusNeighbour(view, id);
    deleteResults(videos);
  }
}

function isChosen(view, videos) {
  return videos.every(({ id }) => view.chosen.some((one) => one.id === id));
}

/** With Shift, all from the one that was chosen last. */
function toggleChosen(view, result, toHere) {
  const others = view.chosen.filter((item) => item.id !== result.id);
  const added = others.length === view.chosen.length;
  if (!added) choose(view, others);
  else if (toHere && others.length > 0) choose(view, [...others, ...between(others, result)]);
  else choose(view, [...others, result]);
}

function between(chosen, result) {
  const place = (id) => results.items.findIndex((item) => item.id === id);
  const [from, to] = [place(chosen.at(-1).id), place(result.id)].sort((a, b) => a - b);
  const known = new Set(chosen.map(({ id }) => id));
  return results.items.slice(Math.max(0, from), to + 1).filter(({ id }) => !known.has(id));
}

function choose(view, chosen) {
  view.chosen = chosen;
  draw(view);
}

/** Look for changes while the tab is seen; read on when its end comes near. */
function watch(element, view) {
  let seen = false;
  const check = () => seen && !document.hidden && results.check();
  new IntersectionObserver(([entry]) => {
    const appeared = entry.isIntersecting && !seen;
    seen = entry.isIntersecting;
    if (appeared) check();
  }).observe(element);
  setInterval(check, CHECK_MS);
  connection.addEventListener("back", check);
  let job = "";
  poll.addEventListener("status", () => {
    const { id, state } = poll.status?.job ?? {};
    if (`${id} ${state}` !== job && state === "done") check();
    job = `${id} ${state}`;
  });
  // Not an observer of the end: it is silent where the end is passed and near again in one frame.
  const readOn = () => isNear(view.more) && results.readMore();
  results.addEventListener("list", readOn);
  document.addEventListener("scroll", readOn, { capture: true, passive: true });
}

function isNear(element) {
  if (results.loading || results.problem || !element.checkVisibility()) return false;
  return element.getBoundingClientRect().top < innerHeight + AHEAD_PX;
}

function draw(view) {
  const { items, total, loading, loaded } = results;
  const groups = grouped(items);
  const cards = groups.map((group) => cardOf(view, group));
  view.cards = new Map(groups.map(({ id }, index) => [id, cards[index]]));
  // What is selected is what is still there.
  const there = new Set(items.map(({ id }) => id));
  if (loaded && !loading) view.chosen = view.chosen.filter(({ id }) => there.has(id));
  place(view.list, withDays(view, groups, cards));
  view.list.style.setProperty("--poster-ratio", usualRatio(items));
  view.list.setAttribute("aria-busy", String(loading));
  view.more.hidden = !results.more;
  view.count.textContent = loaded && total > 0 ? countText(items.length, total) : "";
  view.bar.draw();
  drawEmpty(view);
}

/** One entry for each video, or for all of one grid; what is looked for is found video by video. */
function grouped(items) {
  if (results.filtered) return items.map((result) => ({ id: result.id, videos: [result] }));
  const groups = new Map();
  for (const result of items) {
    const id = result.grid ?? result.id;
    const known = groups.get(id);
    if (known) known.videos.push(result);
    else groups.set(id, { id, videos: [result], isGrid: Boolean(result.grid) });
  }
  return [...groups.values()];
}

function cardOf(view, { id, videos, isGrid }) {
  const known = view.cards.get(id);
  const item = known ?? (isGrid ? gridCard(id) : resultCard(videos[0]));
  if (isGrid) showGridMarks(item, videos, isChosen(view, videos));
  else showMarks(item, videos[0], isChosen(view, videos));
  return item;
}

/** The cards with a heading before the first one of each day. */
function withDays(view, groups, cards) {
  const nodes = [];
  let day = "";
  const headings = new Map();
  for (const [index, { videos }] of groups.entries()) {
    const now = dayOf(videos[0]);
    if (now !== day) {
      day = now;
      const heading =
        view.days.get(day) ?? el("li", { class: "result-day" }, el("h3", { text: day }));
      headings.set(day, heading);
      nodes.push(heading);
    }
    nodes.push(cards[index]);
  }
  view.days = headings;
  return nodes;
}

/** Nodes that are where they should be are left alone, so scrolling and focus stay. */
function place(list, cards) {
  for (const [index, item] of cards.entries()) {
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
  }
  while (list.children.length > cards.length) list.lastElementChild.remove();
}

/** Posters of one shape make even rows: the middle one's, neither too flat nor too tall. */
function usualRatio(items) {
  const ratios = items
    .filter(({ width, height }) => width && height)
    .map(({ width, height }) => width / height)
    .sort((a, b) => a - b);
  const middle = ratios[Math.floor(ratios.length / 2)] ?? 1;
  return Math.min(16 / 9, Math.max(3 / 4, middle)).toFixed(3);
}

function countText(shown, total) {
  return shown < total
    ? say("gallery.shown", { shown, count: total })
    : say("gallery.count", { count: total });
}

function drawEmpty(view) {
  const { items, loading, loaded, problem, filtered } = results;
  view.empty.hidden = items.length > 0 && !problem;
  if (problem) {
    const again = el("button", { type: "button", class: "button", text: say("gallery.again") });
    again.addEventListener("click", () => results.search());
    view.empty.replaceChildren(
      el("p", { class: "problem", text: problem.message }),
      ...problem.suggestions.map((text) => el("p", { class: "muted", text })),
      again,
    );
  } else if (!loaded || loading) {
    view.empty.replaceChildren(el("p", { class: "muted", text: say("gallery.reading") }));
  } else if (filtered) {
    view.empty.replaceChildren(
      el("p", { text: say("gallery.noMatch") }),
      el("p", { class: "muted", text: say("gallery.noMatchHint") }),
    );
  } else {
    view.empty.replaceChildren(
      el("p", { text: say("gallery.none") }),
      el("p", { class: "muted", text: say("gallery.noneHint") }),
    );
  }
}

function drawFilters(view, titles) {
  const { models, loras } = results.filters;
  const name = (model) => (titles[model] ?? model).replace(/ \(.*\)$/, "");
  const shownModels = withChosen(models, results.query.model);
  fill(view.selects.model, [
    ["", say("gallery.allModels")],
    ...shownModels.map((key) => [key, name(key)]),
  ]);
  const shownLoras = withChosen(loras, results.query.lora);
  fill(view.selects.lora, [
    ["", say("gallery.allLoras")],
    ...shownLoras.map((key) => [key, titleFor(key)]),
  ]);
}

/** What is filtered by stays in the list, also when its last video is gone. */
function withChosen(names, chosen) {
  return chosen && !names.includes(chosen) ? [...names, chosen] : names;
}

function fill(select, entries) {
  const { value } = select;
  select.replaceChildren(...entries.map(([key, text]) => el("option", { value: key, text })));
  select.value = entries.some(([key]) => key === value) ? value : "";
}

/** Where the keyboard goes on after a card is gone. */
function focusNeighbour(view, id) {
  const item = view.cards.get(id);
  const next = item.nextElementSibling ?? item.previousElementSibling;
  (next?.querySelector(".result-open") ?? view.search).focus();
}
