/** Lists what the server can be asked, from its own description at api/openapi.json. */
import { el } from "../../lora_ui/assets/kit/dom.js";

const ROOT = new URL("../../", import.meta.url);
const METHODS = ["get", "post", "put", "patch", "delete"];

const main = document.getElementById("api-docs");
try {
  const answer = await fetch(new URL("api/openapi.json", ROOT));
  show(await answer.json());
} catch {
  main.replaceChildren(el("p", { text: "The description cannot be read. Reload the page." }));
}

function show(api) {
  const groups = new Map();
  for (const [path, methods] of Object.entries(api.paths)) {
    for (const method of METHODS.filter((name) => name in methods)) {
      const tag = methods[method].tags?.[0] ?? "other";
      if (!groups.has(tag)) groups.set(tag, []);
      groups.get(tag).push(operation(api, method, path, methods[method]));
    }
  }
  const raw = el("a", { href: new URL("api/openapi.json", ROOT).href, text: "openapi.json" });
  main.replaceChildren(
    el("h1", { text: `${api.info.title}: API` }),
    el("p", { text: api.info.description }),
    el("p", {}, "The same for programs: ", raw, ` (version ${api.info.version}).`),
    ...[...groups].flatMap(([tag, operations]) => [el("h2", { text: tag }), ...operations]),
  );
}

function operation(api, method, path, details) {
  const schema = details.requestBody?.content?.["application/json"]?.schema;
  return el(
    "details",
    {},
    el(
      "summary",
      {},
      el("span", { class: "method", text: method.toUpperCase() }),
      el("code", { text: path }),
      el("span", { class: "muted", text: details.summary ?? "" }),
    ),
    el(
      "div",
      { class: "operation" },
      details.description && el("p", { text: details.description }),
      fields("Parameters", (details.parameters ?? []).map(parameter)),
      schema && fields("Body (JSON)", properties(api, schema)),
      fields("Answers", Object.entries(details.responses ?? {}).map(answerOf)),
      el("pre", {}, el("code", { text: curl(api, method, path, schema) })),
    ),
  );
}

function fields(title, rows) {
  if (rows.length === 0) return null;
  const list = rows.flatMap(([name, text]) => [
    el("dt", {}, el("code", { text: name })),
    el("dd", { text }),
  ]);
  return el("section", {}, el("p", { class: "muted", text: title }), el("dl", {}, list));
}

function parameter({ name, in: place, required, description, schema }) {
  const words = [
    place,
    required && "required",
    schema?.default !== undefined && `default ${schema.default}`,
  ];
  return [name, [description, `(${words.filter(Boolean).join(", ")})`].filter(Boolean).join(" ")];
}

function answerOf([status, { description, content }]) {
  const names = Object.values(content ?? {}).map(({ schema }) => nameOf(schema));
  return [status, [description, ...names].filter(Boolean).join(" · ")];
}

function nameOf(schema) {
  if (schema?.items) return `list of ${nameOf(schema.items)}`;
  return schema?.$ref?.split("/").pop() ?? "";
}

/** The object that a schema means, through references and "or null". */
function resolved(api, schema) {
  const chosen = schema.anyOf?.find((option) => option.type !== "null") ?? schema;
  const name = chosen.$ref?.split("/").pop();
  return name ? api.components.schemas[name] : chosen;
}

function properties(api, schema) {
  const { properties: found = {}, required = [] } = resolved(api, schema);
  return Object.entries(found).map(([name, field]) => {
    const words = [field.description, required.includes(name) && "Required."];
    return [name, words.filter(Boolean).join(" ")];
  });
}

function curl(api, method, path, schema) {
  const command = [`curl ${new URL(path.slice(1), ROOT).href}`];
  if (method !== "get") command[0] = command[0].replace("curl", `curl -X ${method.toUpperCase()}`);
  if (schema) {
    const body = Object.fromEntries(
      Object.entries(resolved(api, schema).properties ?? {})
        .filter(([, field]) => field.examples)
        .map(([name, field]) => [name, field.examples[0]]),
    );
    command.push("-H 'Content-Type: application/json'", `-d '${JSON.stringify(body)}'`);
  }
  return command.join(" \\\n  ");
}
