/** Talking to the server. Addresses count from this file, so a path prefix does no harm. */
import { say } from "../texts/say.js";
import { inOwnWords } from "../texts/told.js";

const ROOT = new URL("../../../", import.meta.url);
/** What is refused comes with this status in a header, so that it is no error on the console. */
const QUIET = { "Studio-Refusals": "quiet" };

/** Events: back, when the server answers again that could not be reached; and stranger, when it
 * does not know any more who is asking. */
export const connection = new EventTarget();
let lost = false;

/** A failure in words: `message`, `suggestions`, and what kind it is. */
export class ApiError extends Error {
  constructor(error, status = 0) {
    super(error.message || say("server.error"));
    this.cause = error.cause ?? "";
    this.suggestions = error.suggestions ?? [];
    this.category = error.category ?? "internal";
    this.context = error.context ?? {};
    this.status = status;
  }
}

export function address(path, params = {}) {
  const url = new URL(path, ROOT);
  for (const [name, value] of Object.entries(params)) {
    for (const each of [value].flat()) url.searchParams.append(name, each);
  }
  return url.href;
}

/** The JSON answer; null where there is none (204). Raises ApiError for everything else. */
export function request(method, path, { params, body, keepalive = false } = {}) {
  return answerOf(address(path, params), {
    method,
    keepalive,
    headers: body === undefined ? QUIET : { ...QUIET, "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
}

/** PUT a file or a picture as it is; answers and raises as `request` does. */
export function send(path, body, params = {}) {
  return answerOf(address(path, params), { method: "PUT", headers: QUIET, body });
}

async function answerOf(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch {
    throw unreachable();
  }
  if (lost) {
    lost = false;
    connection.dispatchEvent(new Event("back"));
  }
  if (response.status === 204) return null;
  const text = await response.text();
  const status = statusOf(response.status, response.headers.get("Studio-Status"));
  if (status === 401) connection.dispatchEvent(new Event("stranger"));
  if (status >= 400) throw errorFrom(text, status);
  return inOwnWords(JSON.parse(text));
}

function statusOf(status, quiet) {
  return Number(quiet) || status;
}

/** Ask an XMLHttpRequest for quiet refusals. */
export function askQuietly(xhr) {
  for (const [name, value] of Object.entries(QUIET)) xhr.setRequestHeader(name, value);
}

/** The status that an XMLHttpRequest was answered with. */
export function answeredStatus(xhr) {
  return statusOf(xhr.status, xhr.getResponseHeader("Studio-Status"));
}

/** The ApiError that an answer's text describes. */
export function errorFrom(text, status) {
  let error = null;
  try {
    error = inOwnWords(JSON.parse(text)).error;
  } catch {
    // Not from our routes; the status has to do.
  }
  return new ApiError(
    error ?? { message: say("server.status", { status: String(status) }) },
    status,
  );
}

export function unreachable() {
  lost = true;
  return new ApiError({
    category: "connection",
    message: say("server.away"),
    suggestions: [say("server.awayHint")],
  });
}
