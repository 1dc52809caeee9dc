/** Step plan of a run: which expert works now, and each LoRA's strength along the steps. */
import { el } from "../../../lora_ui/assets/kit/dom.js";
import * as format from "../../../lora_ui/assets/kit/format.js";
import { svg } from "../../../lora_ui/assets/kit/svg.js";
import { titleFor } from "../../../lora_ui/assets/model/lora_text.js";
import { store } from "../../../lora_ui/assets/model/store.js";
import { pointsOf, stepPath, valueAt } from "../../../lora_ui/assets/model/strength_line.js";
import { partFor, strengthText } from "../../../lora_ui/assets/model/strengths.js";
import { say } from "../texts/say.js";

const WIDTH = 100;
const HEIGHT = 20;
const EDGE = 2;

/** `update(job)` shows the steps of the video that is being made. */
export function createStepPlan() {
  const experts = el("p", { class: "plan-experts" });
  const list = el("ul", { class: "plan-loras", "aria-label": say("plan.title") });
  const constant = el("p", { class: "plan-constant muted" });
  const element = el("div", { class: "run-plan" }, experts, list, constant);
  let key = "";
  let rows = [];
  const update = (job) => {
    const plan = planOf(job);
    element.hidden = plan === null;
    if (plan === null) return;
    experts.textContent = expertsText(plan);
    experts.hidden = experts.textContent === "";
    const drawn = JSON.stringify([job.id, plan.part, plan.loras, plan.change, plan.steps]);
    if (drawn !== key) {
      key = drawn;
      rows = plan.loras.filter(([, strength]) => varies(strength, plan)).map(createRow(plan));
      list.replaceChildren(...rows.map((row) => row.element));
      list.hidden = rows.length === 0;
      constant.textContent = constantText(plan);
      constant.hidden = constant.textContent === "";
    }
    for (const row of rows) row.show(plan);
  };
  return { element, update };
}

/** null while nothing is being made. `change` is the fraction at which the low expert begins. */
function planOf(job) {
  const progress = job?.progress ?? {};
  if (job?.state !== "running") return null;
  const part = job.parts?.[(progress.part ?? 0) - 1];
  const { model_type, selected_loras } = { ...job.task, ...part?.changes };
  const { high_steps: high, stage, step = 0, steps = 0 } = progress;
  const known = high !== null && high !== undefined && steps > 0;
  const done = ["decode", "write"].includes(stage);
  return {
    part: part?.id,
    loras: Object.entries(selected_loras ?? {}),
    two: store.options.models[model_type]?.experts.length === 2,
    change: known ? high / steps : null,
    high,
    steps,
    step,
    at: stage === "sample" && step < steps ? step / steps : null,
    done,
  };
}

function expertsText({ two, change, high, steps, step, at, done }) {
  if (!two || change === null || done) return "";
  if (high === steps) return say("plan.high");
  if (high === 0) return say("plan.low");
  return at === null || step >= high
    ? say("plan.lowSince", { step: high + 1, steps })
    : say("plan.highUntil", { step: high });
}

/** Where the line of a strength would not be flat. */
function varies(strength, plan) {
  return new Set(curves(strength, plan).flatMap(({ points }) => points.map((p) => p[1]))).size > 1;
}

/** The stretches of the steps, with the points that count there. */
function curves(strength, { change, two }) {
  const high = pointsOf(partFor(strength, "high"));
  if (!two) return [{ expert: "both", points: high, from: 0, to: 1 }];
  if (change === null) return [];
  const low = pointsOf(partFor(strength, "low"));
  return [
    { expert: "high", points: high, from: 0, to: change },
    { expert: "low", points: low, from: change, to: 1 },
  ].filter(({ from, to }) => to > from);
}

const createRow =
  (plan) =>
  ([name, strength]) => {
    const parts = curves(strength, plan);
    const values = [0, ...parts.flatMap(({ points }) => points.map((point) => point[1]))];
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const x = (fraction) => fraction * WIDTH;
    const y = (value) =>
      HEIGHT - EDGE - ((value - least) / (most - least || 1)) * (HEIGHT - 2 * EDGE);
    const now = svg("line", { class: "plan-now", y1: 0, y2: HEIGHT });
    const drawing = svg(
      "svg",
      {
        class: "plan-curve",
        viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
        preserveAspectRatio: "none",
        role: "img",
        "aria-label": say("plan.curve", {
          title: titleFor(name),
          strength: strengthText(strength),
        }),
      },
      ...parts.map(({ expert, from, to }) =>
        svg("rect", {
          class: `ground ground-${expert}`,
          x: x(from),
          width: x(to - from),
          height: HEIGHT,
        }),
      ),
      ...parts.map(({ expert, points, from, to }) =>
        svg("path", {
          class: `curve-line curve-${expert}`,
          d: stepPath(points, x, y, from, to),
        }),
      ),
      now,
    );
    const value = el("output", { class: "plan-value" });
    const element = el(
      "li",
      { dataset: { name } },
      el("span", { class: "plan-name", text: titleFor(name), title: titleFor(name) }),
      drawing,
      value,
    );
    const show = ({ at }) => {
      const place = at ?? 0;
      const part = parts.find(({ to }) => place < to - 1e-9) ?? parts.at(-1);
      value.textContent = at === null ? "" : format.strength(valueAt(part.points, place));
      now.setAttribute("x1", x(place));
      now.setAttribute("x2", x(place));
      now.style.display = at === null ? "none" : "";
    };
    return { element, show };
  };

function constantText(plan) {
  if (plan.two && plan.change === null) return "";
  return plan.loras
    .filter(([, strength]) => !varies(strength, plan))
    .map(([name, strength]) => {
      const [{ points }] = curves(strength, plan);
      return `${titleFor(name)} ${format.strength(points[0][1])}`;
    })
    .join(" · ");
}
