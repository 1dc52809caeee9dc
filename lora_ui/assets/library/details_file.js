/** The file itself: layout, ranks, numbers, checksums, and what its header says. */
import { el } from "../kit/dom.js";
import { megabytes, plural } from "../kit/format.js";

export function fileSection(record) {
  return el(
    "section",
    { class: "details-file" },
    el("h3", { text: "File" }),
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
    ["Files", Object.values(record.files ?? {}).join(", ")],
    ["Size", megabytes(record.size_mb)],
    ["Layout", record.dialect],
    ["Kind", (record.algebra ?? []).join(", ")],
    ["Rank", all("ranks") || record.rank],
    ["Alpha", all("alphas")],
    ["Number format", all("dtypes")],
    [
      "Layers",
      sum("modules") && `${plural(sum("modules"), "layer")} in ${plural(sum("tensors"), "tensor")}`,
    ],
    ["Parameters", sum("parameters") > 0 && sum("parameters").toLocaleString()],
    ["Expert", evidence(record.role_evidence)],
    ["Base model", record.metadata?.base_model],
    ["Version", record.metadata?.version],
    ["Made", record.metadata?.date],
    ["Added", record.upload_date && new Date(record.upload_date).toLocaleString()],
    ["Edited here", (record.edited ?? []).join(", ")],
    [
      "SHA-256",
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
    el("summary", { text: "What the file says of itself" }),
    el(
      "dl",
      { class: "facts" },
      texts.flatMap(([term, value]) => [el("dt", { text: term }), el("dd", { text: value })]),
    ),
  );
}
