/** One model: its state, its sizes, what is done for it, and what can be done. */
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { bytes, seconds } from "../../../lora_ui/assets/kit/format.js";
import { isActive } from "../base/models.js";
import { say } from "../texts/say.js";

const STATES = {
  here: say("models.here"),
  partly: say("models.partly"),
  absent: say("models.absent"),
};
const STAGES = {
  waiting: say("models.waiting"),
  paused: say("models.paused"),
  cancelled: say("models.cancelled"),
};
const ACTIONS = {
  download: say("models.download"),
  pause: say("models.pause"),
  cancel: say("models.cancel"),
  verify: say("models.verify"),
  remove: say("models.remove"),
};

/** `act(action)` is called for a button; `update(row)` shows what is known now. */
export function createModelCard(act) {
  const parts = {
    title: el("h3"),
    state: el("span", { class: "badge" }),
    verdict: el("p", { class: "model-verdict" }),
    facts: el("p", { class: "muted" }),
    bar: el("progress", { class: "run-bar", max: 1 }),
    progress: el("p", { class: "muted", role: "status" }),
    problem: el("div", { class: "model-problem", role: "alert" }),
    buttons: {},
  };
  for (const [action, text] of Object.entries(ACTIONS)) {
    parts.buttons[action] = el("button", { type: "button", class: "button", text });
    parts.buttons[action].addEventListener("click", () => act(action));
  }
  const element = el(
    "li",
    { class: "model-card box" },
    el("div", { class: "model-head" }, parts.title, parts.state),
    parts.verdict,
    parts.facts,
    parts.bar,
    parts.progress,
    parts.problem,
    el("div", { class: "model-buttons" }, Object.values(parts.buttons)),
  );
  return { element, update: (row) => update(element, parts, row) };
}

function update(element, parts, row) {
  element.dataset.state = row.state;
  parts.title.textContent = row.title;
  parts.state.textContent = STATES[row.state];
  show(parts.verdict, [row.verdict, row.measured].filter(Boolean).join(" "));
  show(parts.facts, facts(row));
  showProgress(parts, row);
  const unknown = row.problem && { message: row.problem.message, suggestions: [] };
  showProblem(parts.problem, row.download?.error ?? unknown);
  showButtons(parts.buttons, row);
}

function facts(row) {
  const whole = row.size_whole === null ? "" : bytes(row.size_whole);
  if (row.state === "here") return say("models.onDisk", { size: whole });
  const here = { size: whole, here: bytes(row.size) };
  const size = row.size
    ? say("models.onDiskInPart", here)
    : say("models.wouldTake", { size: whole });
  const source = row.repos.length
    ? say("models.from", { repositories: row.repos.join(", ") })
    : say("models.noRepository");
  return whole ? `${size} ${source}` : source;
}

function showProgress({ bar, progress }, { title, download }) {
  const running = download?.stage === "running";
  bar.hidden = !running;
  bar.setAttribute("aria-label", say("models.progressOf", { title }));
  if (running && download.total) bar.value = download.done / download.total;
  else bar.removeAttribute("value");
  show(progress, download ? stageText(download) : "");
}

function stageText(download) {
  const { kind, stage, done, total, speed, seconds_left: left, found } = download;
  if (stage === "running") {
    if (!total) return say("models.asking");
    const sizes = { done: bytes(done), total: bytes(total) };
    return [
      kind === "verify" ? say("models.verifying", sizes) : say("models.downloading", sizes),
      speed && say("models.speed", { size: bytes(speed) }),
      left !== null && say("models.left", { time: seconds(left, 0) }),
    ]
      .filter(Boolean)
      .join(" · ");
  }
  if (stage === "done" && kind === "verify") {
    return found.length
      ? say("models.damaged", { files: found.join(", ") })
      : say("models.verified");
  }
  return STAGES[stage] ?? "";
}

function showProblem(box, error) {
  const said = JSON.stringify([error?.message, error?.cause, error?.suggestions]);
  if (box.dataset.said === said) return;
  box.dataset.said = said;
  box.hidden = !error;
  box.replaceChildren(
    ...(error
      ? [
          el("p", { text: error.message }),
          error.cause && el("p", { class: "muted", text: error.cause }),
          error.suggestions.length > 0 &&
            el(
              "ul",
              { "aria-label": say("models.next") },
              error.suggestions.map((text) => el("li", { text })),
            ),
        ].filter(Boolean)
      : []),
  );
}

function showButtons(buttons, row) {
  const active = isActive(row);
  const paused = row.download?.stage === "paused";
  const canGet = row.repos.length > 0 && row.state !== "here" && !active;
  const goesOn = paused || row.state === "partly";
  buttons.download.textContent = goesOn ? say("models.resume") : ACTIONS.download;
  const shown = {
    download: canGet,
    pause: active,
    cancel: active || paused,
    verify: row.repos.length > 0 && row.state !== "absent" && !active,
    remove: row.repos.length > 0 && row.size > 0 && !active,
  };
  for (const [action, button] of Object.entries(buttons)) {
    button.hidden = !shown[action];
    button.setAttribute(
      "aria-label",
      say("models.actionOf", { action: button.textContent, title: row.title }),
    );
  }
}

function show(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = !text;
}
