/** Everything that is known about one LoRA, in a dialog. */
import { request } from "./api.js";
import { expertBadge, thumbnail } from "./describe.js";
import { openDialog } from "./dialogs.js";
import { el } from "./dom.js";
import { megabytes, plural } from "./format.js";
import { store } from "./store.js";
import { toastError } from "./toasts.js";

const VERDICTS = {
  fits: "Fits",
  partly: "Fits partly:",
  no: "Does not fit",
  unknown: "Not known whether it fits",
};

export async function showDetails(name) {
  try {
    const params = { name, model: store.model };
    const { record, fit } = await request("GET", "api/loras/details", { params });
    openDialog(record.name, content(record, fit), { className: "dialog-details" });
  } catch (error) {
    toastError(error);
  }
}

function content(record, fit) {
  const about = record.metadata ?? {};
  return [
    el(
      "div",
      { class: "details-head" },
      thumbnail(record, "details-picture"),
      el("div", {}, expertBadge(record), about.description && el("p", { text: about.description })),
    ),
    fitSection(fit),
    el("dl", { class: "facts" }, rows(record, about)),
  ];
}

function fitSection(fit) {
  return el(
    "section",
    { class: "details-fit" },
    el("h3", { text: `${VERDICTS[fit.verdict]} ${store.modelTitle}` }),
    (fit.reasons ?? []).map((reason) => el("p", { class: "muted", text: reason })),
    Object.entries(fit.coverage ?? {}).map(([expert, part]) => coverage(expert, part)),
    keyList("ignored", fit.ignored),
    keyList("unknown", fit.unknown),
  );
}

function coverage(expert, { matched, total }) {
  return el(
    "div",
    { class: "coverage" },
    el("span", { text: `${expert} noise` }),
    el("meter", {
      min: 0,
      max: total || 1,
      value: matched,
      "aria-label": `Layers, ${expert} noise`,
    }),
    el("span", { text: `${matched} of ${plural(total, "layer")}` }),
  );
}

function keyList(kind, keys) {
  const names = Array.isArray(keys)
    ? keys.map(String)
    : Object.entries(keys ?? {}).map(([key, why]) => `${key}: ${why}`);
  if (names.length === 0) return null;
  return el(
    "details",
    {},
    el("summary", { text: `${plural(names.length, `${kind} key`)}` }),
    el(
      "ul",
      { class: "keys" },
      names.slice(0, 500).map((text) => el("li", { text })),
    ),
  );
}

function rows(record, about) {
  const list = (values) => (values ?? []).join(", ");
  const entries = [
    ["Trigger words", list(about.trigger_words)],
    ["Tags", list(about.tags)],
    ["Author", about.author],
    ["Version", about.version],
    ["Rank", record.rank],
    ["Kind", list(record.algebra)],
    ["Layout", record.dialect],
    ["Size", megabytes(record.size_mb)],
    ["Files", Object.values(record.files ?? {}).join(", ")],
    ["Added", when(record.upload_date)],
    ["Last used", when(record.last_used)],
    ["Used", record.use_count ? plural(record.use_count, "time") : "never"],
    ["SHA-256", Object.values(record.sha256s ?? {}).join(", ")],
  ];
  return entries
    .filter(([, value]) => value !== undefined && value !== null && value !== "")
    .flatMap(([term, value]) => [el("dt", { text: term }), el("dd", { text: String(value) })]);
}

function when(text) {
  return text ? new Date(text).toLocaleString() : "";
}
