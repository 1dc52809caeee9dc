/** What a finished run says about itself: seed, size, and what each LoRA did. */
import { address } from "../../../lora_ui/assets/kit/api.js";
import { el } from "../../../lora_ui/assets/kit/dom.js";
import { seconds, strength } from "../../../lora_ui/assets/kit/format.js";
import { titleFor } from "../../../lora_ui/assets/model/lora_text.js";
import { isSeparate, strengthFor } from "../../../lora_ui/assets/model/strengths.js";
import { say } from "../texts/say.js";
import { reuseResult } from "./result_actions.js";

const MODES = {
  merge: () => say("report.merge"),
  runtime: (reason) => say("report.runtime", { reason }),
};
const OUTCOMES = {
  applied: say("report.applied"),
  fallback: say("report.fallback"),
  skipped: say("report.skipped"),
};

const STAGES = {
  load: say("timing.load"),
  apply: say("timing.apply"),
  text: say("timing.text"),
  sample: say("timing.sample"),
  decode: say("timing.decode"),
  write: say("timing.write"),
};

export function resultDetails(job, reuse) {
  const { task, result } = job;
  const seedButton = button(say("result.reuseSeed"), () => reuse({ seed: result.task.seed }));
  const allButton = button(say("result.reuseAll"), () => reuseResult(job));
  const download = el("a", {
    class: "button",
    href: address(`api/results/${job.id}/video`),
    download: `video-${result.task.seed}.mp4`,
    text: say("video.save"),
  });
  return [
    el("p", { class: "run-prompt", text: task.prompt }),
    el(
      "p",
      { class: "run-seed" },
      el("span", { class: "muted", text: say("result.seed") }),
      " ",
      el("code", { id: "result-seed", text: String(result.task.seed) }),
    ),
    el("div", { class: "run-buttons" }, seedButton, allButton, download),
    loraReports(result.loras),
    ...remarks(result),
    el("p", { class: "muted run-timings", text: timingText(result) }),
  ];
}

/** What was not as asked for: warnings, measures that were taken, another prompt. */
export function remarks(result) {
  const measures = (result.recoveries ?? []).map(({ detail }) => detail);
  const texts = [...new Set([...(result.warnings ?? []), ...measures])];
  const prompt = result.prompt_used;
  if (prompt && prompt !== result.task?.prompt) texts.push(say("report.prompt", { prompt }));
  return texts.map((text) => el("p", { class: "run-warning", text: String(text) }));
}

function button(text, act) {
  const element = el("button", { type: "button", class: "button", text });
  element.addEventListener("click", act);
  return element;
}

export function loraReports(loras) {
  const entries = Object.entries(loras ?? {});
  if (entries.length === 0) return el("p", { class: "muted", text: say("report.noLoras") });
  const [, { mode, mode_reason: reason }] = entries[0];
  return el(
    "ul",
    { class: "run-loras", "aria-label": say("report.title") },
    entries.map(([name, report]) =>
      el(
        "li",
        { class: `outcome-${report.outcome}` },
        el("span", { class: "outcome", text: OUTCOMES[report.outcome] ?? report.outcome }),
        el("span", { class: "run-lora-name", text: titleFor(name), title: name }),
        el("span", { class: "muted", text: reportText(report) }),
      ),
    ),
    // Videos made before the way of applying was recorded have no mode.
    mode in MODES && el("li", { class: "muted", title: `${reason}.`, text: MODES[mode](reason) }),
  );
}

/** The titles again: the library may come later than the report, or be changed under it. */
export function drawTitles(element) {
  for (const item of element.querySelectorAll(".run-lora-name")) {
    item.textContent = titleFor(item.title);
  }
}

function reportText(report) {
  const parts = [strengthText(report.strengths)];
  const coverage = Object.values(report.coverage ?? {});
  const matched = coverage.reduce((sum, part) => sum + (part.matched ?? 0), 0);
  const total = coverage.reduce((sum, part) => sum + (part.total ?? 0), 0);
  if (total > 0) parts.push(say("report.layers", { matched, count: total }));
  if (report.reason) parts.push(report.reason);
  return parts.filter(Boolean).join(" · ");
}

function strengthText(value) {
  if (value === undefined || value === null) return "";
  if (!isSeparate(value))
    return say("report.strength", { value: strength(strengthFor(value, "high")) });
  const experts = Object.keys(value);
  const numbers = experts.map((expert) => strength(strengthFor(value, expert)));
  if (new Set(numbers).size === 1 && experts.length === 2)
    return say("report.strength", { value: numbers[0] });
  return experts
    .map((expert, index) =>
      expert === "high"
        ? say("report.high", { value: numbers[index] })
        : say("report.low", { value: numbers[index] }),
    )
    .join(", ");
}

export function timingText(result) {
  const [frames, height, width] = result.frames_shape;
  const stages = Object.entries(result.timings)
    .filter(([, time]) => time >= 0.05)
    .map(([stage, time]) => `${STAGES[stage] ?? stage} ${seconds(time)}`);
  return [`${width} × ${height}, ${say("video.frames", { count: frames })}`, ...stages].join(" · ");
}
