/** One model: its state, its sizes, what is done for it, and what can be done. */
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { bytes, seconds } from "../../../lora_ui/assets/kit/format.js";
import { isActive } from "../base/models.js";

const STATES = { here: "Here", partly: "In part", absent: "Not here" };
const STAGES = {
  waiting: "Waiting for another download",
  paused: "Paused",
  cancelled: "Cancelled; whole files are kept",
};
const ACTIONS = {
  download: "Download",
  pause: "Pause",
  cancel: "Cancel",
  verify: "Verify",
  remove: "Remove",
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
  say(parts.verdict, [row.verdict, row.measured].filter(Boolean).join(" "));
  say(parts.facts, facts(row));
  showProgress(parts, row);
  const unknown = row.problem && { message: row.problem.message, suggestions: [] };
  showProblem(parts.problem, row.download?.error ?? unknown);
  showButtons(parts.buttons, row);
}

function facts(row) {
  const whole = row.size_whole === null ? "" : bytes(row.size_whole);
  if (row.state === "here") return `${whole} on the disk`;
  const source = row.repos.length
    ? `From ${row.repos.join(" and ")}`
    : "Its row names no repository; put its folder into the models folder";
  const here = row.size ? `, ${bytes(row.size)} of it here` : "";
  return whole ? `${whole} on the disk${here}. ${source}.` : `${source}.`;
}

function showProgress({ bar, progress }, { title, download }) {
  const running = download?.stage === "running";
  bar.hidden = !running;
  bar.setAttribute("aria-label", `Progress of ${title}`);
  if (running && download.total) bar.value = download.done / download.total;
  else bar.removeAttribute("value");
  say(progress, download ? stageText(download) : "");
}

function stageText(download) {
  const { kind, stage, done, total, speed, seconds_left: left, found } = download;
  if (stage === "running") {
    if (!total) return "Asking the hub";
    const verb = kind === "verify" ? "Verifying" : "Downloading";
    const rate = speed ? `, ${bytes(speed)}/s` : "";
    const rest = left === null ? "" : `, ${seconds(left, 0)} left`;
    return `${verb}: ${bytes(done)} of ${bytes(total)}${rate}${rest}`;
  }
  if (stage === "done" && kind === "verify") {
    return found.length
      ? `Damaged or missing: ${found.join(", ")}. Download brings them again.`
      : "Verified: every file is the hub's.";
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
              { "aria-label": "What to do next" },
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
  buttons.download.textContent = paused || row.state === "partly" ? "Go on" : "Download";
  const shown = {
    download: canGet,
    pause: active,
    cancel: active || paused,
    verify: row.repos.length > 0 && row.state !== "absent" && !active,
    remove: row.repos.length > 0 && row.size > 0 && !active,
  };
  for (const [action, button] of Object.entries(buttons)) {
    button.hidden = !shown[action];
    button.setAttribute("aria-label", `${button.textContent} ${row.title}`);
  }
}

function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
  element.hidden = !text;
}
