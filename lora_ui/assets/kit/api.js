/** Talking to the server. Addresses count from this file, so a path prefix does no harm. */

const ROOT = new URL("../../../", import.meta.url);

/** A failure in words: `message`, `suggestions`, and what kind it is. */
export class ApiError extends Error {
  constructor(error, status = 0) {
    super(error.message || "The server answered with an error.");
    this.cause = error.cause ?? "";
    this.suggestions = error.suggestions ?? [];
    this.category = error.category ?? "internal";
    this.context = error.context ?? {};
    this.status = status;
  }
}

export function address(path, params = {}) {
  const url = new URL(path, ROOT);
  for (const [name, value] of Object.entries(params)) url.searchParams.set(name, value);
  return url.href;
}

/** The JSON answer; null where there is none (204). Raises ApiError for everything else. */
export function request(method, path, { params, body, keepalive = false } = {}) {
  return answerOf(address(path, params), {
    method,
    keepalive,
    headers: body === undefined ? {} : { "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
}

/** PUT a file or a picture as it is; answers and raises as `request` does. */
export function send(path, body, params = {}) {
  return answerOf(address(path, params), { method: "PUT", body });
}

async function answerOf(url, options) {
  let response;
  try {
    response = await fetch(url, options);
  } catch {
    throw unreachable();
  }
  if (response.status === 204) return null;
  const text = await response.text();
  if (!response.ok) throw errorFrom(text, response.status);
  return JSON.parse(text);
}

/** The ApiError that an answer's text describes. */
export function errorFrom(text, status) {
  let error = null;
  try {
    error = JSON.parse(text).error;
  } catch {
    // Not from our routes; the status has to do.
  }
  return new ApiError(error ?? { message: `The server answered with status ${status}.` }, status);
}

export function unreachable() {
  return new ApiError({
    category: "connection",
    message: "The server cannot be reached.",
    suggestions: ["Check that the program is still running; the page reconnects by itself."],
  });
}
