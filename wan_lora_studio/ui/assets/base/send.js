/** Sending a file or a picture as it is. */
import { address, errorFrom, unreachable } from "../../../lora_ui/assets/kit/api.js";

/** PUT `body`; gives the JSON answer. Raises ApiError. */
export async function send(path, body, params = {}) {
  let response;
  try {
    response = await fetch(address(path, params), { method: "PUT", body });
  } catch {
    throw unreachable();
  }
  const text = await response.text();
  if (!response.ok) throw errorFrom(text, response.status);
  return text ? JSON.parse(text) : {};
}
