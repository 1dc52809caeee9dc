/** The results of a grid's cells, asked for as they come. */
import { request } from "../../../lora_ui/assets/kit/api.js";

const AT_ONCE = 100;

/** Results by the ids of their parts; null for those that are not there any more. */
export async function resultsOf(ids) {
  const found = new Map(ids.map((id) => [id, null]));
  for (let start = 0; start < ids.length; start += AT_ONCE) {
    const some = ids.slice(start, start + AT_ONCE);
    const { results } = await request("GET", "api/results", {
      params: { limit: AT_ONCE, id: some },
    });
    for (const item of results) found.set(item.id, item);
  }
  return found;
}
