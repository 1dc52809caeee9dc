/** The library's folders as a tree; choosing one narrows the grid to it and what is below it. */

import { unlessPressed } from "../kit/defer_redraw.js";
import { el, icon } from "../kit/dom.js";
import { libraryFacts } from "../model/library_facts.js";
import { folderOf } from "../model/library_query.js";
import { store } from "../model/store.js";
import { say } from "../texts/say.js";

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
const closed = new Set();

/** The tree, for a query; hidden while the library has no folders. */
export function createFolders(query) {
  const list = el("ul", { class: "tree" });
  const box = el(
    "nav",
    { class: "folders", "aria-label": say("folders.label"), hidden: true },
    list,
  );
  const draw = () => {
    const root = treeOf(store.cards, store.folders);
    drawn = query.folder;
    const focus = document.activeElement?.dataset.folder;
    box.hidden = root.children.size === 0;
    list.replaceChildren(everything(query), ...branches(root, query));
    if (focus !== undefined) list.querySelector(`[data-folder="${CSS.escape(focus)}"]`)?.focus();
  };
  list.addEventListener("click", ({ target }) => {
    const button = target.closest("button");
    if (!button) return;
    if (button.dataset.fold !== undefined) {
      if (!closed.delete(button.dataset.fold)) closed.add(button.dataset.fold);
      draw();
    } else {
      const { folder } = button.dataset;
      query.set({ folder: folder === "*" ? null : folder.slice(1) });
    }
  });
  const follow = () => {
    // One in a panel that was closed has nothing to draw any more.
    if (wasShown && !box.isConnected) {
      store.removeEventListener("library", heard);
      query.removeEventListener("change", followQuery);
      return;
    }
    wasShown ||= box.isConnected;
    draw();
  };
  const heard = () => unlessPressed(list, follow);
  const followQuery = () => query.folder === drawn || follow();
  let wasShown = false;
  let drawn = null;
  store.addEventListener("library", heard);
  query.addEventListener("change", followQuery);
  draw();
  return box;
}

/** Every folder's path, from the cards and from the library's own list. */
export function folderPaths() {
  return libraryFacts().folders;
}

function treeOf(cards, folders) {
  const root = { path: "", name: "", count: 0, children: new Map() };
  for (const path of folders) descend(root, path);
  for (const card of cards) {
    for (const node of descend(root, folderOf(card))) node.count += 1;
  }
  return root;
}

/** The nodes from the root down to a path, made where they are not there yet. */
function descend(root, path) {
  const nodes = [root];
  let node = root;
  for (const name of path.split("/").filter(Boolean)) {
    if (!node.children.has(name)) {
      const below = node.path ? `${node.path}/${name}` : name;
      node.children.set(name, { path: below, name, count: 0, children: new Map() });
    }
    node = node.children.get(name);
    nodes.push(node);
  }
  return nodes;
}

function everything(query) {
  const chosen = query.folder === null;
  return el("li", {}, row("*", say("folders.all"), store.cards.length, chosen));
}

function branches(node, query) {
  const sorted = [...node.children.values()].sort((a, b) => collator.compare(a.name, b.name));
  return sorted.map((child) => {
    const isOpen = !closed.has(child.path);
    const hasMore = child.children.size > 0;
    return el(
      "li",
      {},
      el(
        "div",
        { class: "tree-row" },
        hasMore &&
          el(
            "button",
            {
              type: "button",
              class: "tree-fold",
              "aria-expanded": String(isOpen),
              "aria-label": say("folders.in", { folder: child.name }),
              dataset: { fold: child.path },
            },
            icon("down"),
          ),
        row(`/${child.path}`, child.name, child.count, query.folder === child.path),
      ),
      hasMore && isOpen && el("ul", {}, branches(child, query)),
    );
  });
}

function row(folder, name, count, chosen) {
  return el(
    "button",
    {
      type: "button",
      class: "tree-folder",
      title: name,
      "aria-current": chosen ? "true" : null,
      dataset: { folder },
    },
    icon("folder"),
    el("span", { class: "tree-name", text: name }),
    el("span", { class: "tree-count", text: String(count) }),
  );
}
