/** Address of the LoRA tab: the LoRA whose details are open, and what the cards are filtered by. */
import { pageAddress } from "../kit/page_address.js";
import { query } from "../model/library_query.js";
import { store } from "../model/store.js";
import { closeDetails, showDetails } from "./details.js";

/** Restore what the address names, and keep it up to date. */
export function connectAddress() {
  const filter = () => pageAddress.get("lorasFilter") ?? "";
  if (filter()) query.read(filter());
  const write = () => pageAddress.set({ lorasFilter: query.written });
  if (!store.hosted || query.written) write();
  query.addEventListener("change", write);
  const open = () => {
    const name = pageAddress.get("lora");
    if (name === null) closeDetails();
    else if (store.loaded) showDetails(name);
  };
  const once = () => {
    if (!store.loaded) return;
    store.removeEventListener("library", once);
    if (pageAddress.get("lora") !== null) open();
  };
  store.addEventListener("library", once);
  once();
  pageAddress.addEventListener("change", () => {
    if (filter() !== query.written) query.read(filter());
    open();
  });
}
