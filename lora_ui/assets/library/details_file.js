/** The file itself: layout, ranks, numbers, checksums, and what its header says. */
import { el } from "../kit/dom.js";
import { megabytes } from "../kit/format.js";
import { say } from "../texts/say.js";

export function fileSection(record) {
  return el(
    "section",
    { class: "details-file" },
    el("h3", { text: say("file.title") }),
    el("dl", { class: "facts" }, rows(record)),
    headerTexts(record.header),
    notes(record).map((text) => el("p", { class: "muted", text })),
  );
}

/** What could not be taken from the files beside it, or from its own metadata. */
function notes(record) {
  const { sidecar_problems: problems, sidecar_notes: beside, header_notes: own } = record;
  return [...(problems ?? []), ...(beside ?? []), ...(own ?? [])];
}

function rows(record) {
  const contents = Object.values(record.contents ?? {});
  const all = (field) => [...new Set(contents.flatMap((info) => info[field] ?? []))].join(", ");
  const sum = (field) => contents.reduce((total, info) => total + (info[field] ?? 0), 0);
  const entries = [
    [say("file.files"), Object.values(record.files ?? {}).join(", ")],
    [say("file.size"), megabytes(record.size_mb)],
    [say("file.layout"), record.dialect],
    [say("file.kind"), (record.algebra ?? []).join(", ")],
    [say("file.rank"), all("ranks") || record.rank],
    [say("file.alpha"), all("alphas")],
    [say("file.format"), all("dtypes")],
    [
      say("file.layers"),
      sum("modules") && say("file.layersIn", { count: sum("modules"), tensors: sum("tensors") }),
    ],
    [say("file.parameters"), sum("parameters") > 0 && sum("parameters").toLocaleString()],
    [say("file.expert"), evidence(record.role_evidence)],
    [say("file.baseModel"), record.metadata?.base_model],
    [say("file.version"), record.metadata?.version],
    [say("file.made"), record.metadata?.date],
    [say("file.added"), record.upload_date && new Date(record.upload_date).toLocaleString()],
    [say("file.edited"), (record.edited ?? []).join(", ")],
    [
      say("file.sha256"),
      Object.values(record.sha256s ?? {})
        .filter(Boolean)
        .join(" "),
    ],
  ];
  return entries
    .filter(
      ([, value]) =>
        value !== undefined && value !== null && value !== "" && value !== false && value !== 0,
    )
    .flatMap(([term, value]) => [el("dt", { text: term }), el("dd", { text: String(value) })]);
}

function evidence(byRole) {
  return Object.entries(byRole ?? {})
    .filter(([, why]) => why)
    .map(([role, why]) => `${role}: ${why}`)
    .join("; ");
}

function headerTexts(header) {
  const texts = Object.entries(header ?? {}).flatMap(([role, values]) =>
    Object.entries(values)
      .map(([key, value]) => [`${key} (${role})`, Array.isArray(value) ? value.join(", ") : value])
      .filter(([, value]) => typeof value === "string" && value !== ""),
  );
  if (texts.length === 0) return null;
  return el(
    "details",
    {},
    el("summary", { text: say("file.header") }),
    el(
      "dl",
      { class: "facts" },
      texts.flatMap(([term, value]) => [el("dt", { text: term }), el("dd", { text: value })]),
    ),
  );
}
