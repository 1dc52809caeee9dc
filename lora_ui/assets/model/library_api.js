/** The library's own routes, one function for each. All raise ApiError. */
import { request, send } from "../kit/api.js";

function post(action, body) {
  return request("POST", `api/loras/${action}`, { body });
}

export const renameTo = (name, newName) => post("rename", { name, new_name: newName });
export const makeFolder = (folder) => post("folders", { folder });
export const toTrash = (name) => post("delete", { name });
export const fromTrash = (name, id) => post("undo", { name, id });

/**
 * Delete, undo {id}, move {folder} or edit {changes} many at once. Resolves to `results`, one
 * `{name, ok, error, record}` for each, and to the `undo` of a deletion, an id that brings back all
 * of it; one that fails stops no other.
 */
export const many = (action, names, more = {}) => post(action, { names, ...more });

export const trashed = () => request("GET", "api/loras/trash");
export const emptyTrash = () => post("trash/empty", {});
export const edit = (name, changes) => post("edit", { name, changes });
/** For which expert a LoRA is; null takes the answer back. Resolves to its record. */
export async function saysExpert(name, expert) {
  return (await edit(name, { expert })).results[0].record;
}

export const pair = (high, low) => post("pair", { high, low });
export const split = (name) => post("split", { name });
export const lookAgain = () => post("refresh", {});
export const stopLooking = () => post("refresh/cancel", {});

/** How far the look at the folder is, `{stage, done, total}`; null when all is done. */
export async function refreshProgress() {
  return (await request("GET", "api/loras/refresh")).progress;
}

export function details(name, model) {
  return request("GET", "api/loras/details", { params: { name, model } });
}

export function blocks(name, model) {
  return request("GET", "api/loras/blocks", { params: { name, model } });
}

/** `prompt`, `seed` and `strength` of the clip beside a LoRA, as far as they are known. */
export const example = (name) => request("GET", "api/loras/example", { params: { name } });

/** The `names` of LoRAs that fit a model and have no picture. */
export const withoutPicture = (model) =>
  request("GET", "api/previews/missing", { params: { model_type: model } });

/** The videos that were made with a LoRA, or all for "": `{results, total}`. */
export function results(name, limit) {
  return request("GET", "api/results", { params: { ...(name && { lora: name }), limit } });
}

/** Take a finished video's picture as the LoRA's thumbnail. */
export const thumbnailFromResult = (name, result) =>
  request("PUT", "api/loras/thumbnail", { params: { name, result } });

/** Take back the picture that was chosen: `{ok}`, false if none was. */
export const clearThumbnail = (name) =>
  request("DELETE", "api/loras/thumbnail", { params: { name } });

/** Take a picture or a video as the LoRA's thumbnail. */
export const setThumbnail = (name, file) => send("api/loras/thumbnail", file, { name });
