/** The page's head: name, status of the worker and the run, light or dark. */
import { el } from "../../lora_ui/assets/kit/dom.js";
import { guardDrops } from "../../lora_ui/assets/kit/drop_guard.js";
import { language } from "../../lora_ui/assets/texts/language.js";
import { connectArrivals } from "./arrivals.js";
import { tellGradio } from "./base/gradio_language.js";
import { fraction, progressText, workerText } from "./base/job_text.js";
import { poll } from "./base/poll.js";
import { connectTabKeys } from "./base/tabs.js";
import { currentTheme, toggleTheme } from "./base/theme_switch.js";
import { connectVisitor } from "./base/visitor.js";
import { connectHelpKeys, helpButton } from "./help.js";
import { connectNavigation } from "./navigation.js";
import { queueButton } from "./queue/queue_panel.js";
import { showWhenReady } from "./reveal.js";
import { connectTitle } from "./run/tab_title.js";
import { say } from "./texts/say.js";

export function mount({ element, options }) {
  const dot = el("span", { class: "status-dot", "aria-hidden": "true" });
  const text = el("span", { class: "status-text" });
  const bar = el("progress", { class: "status-bar", max: 1, "aria-label": say("run.progress") });
  const notices = el("div", { class: "notices", role: "status", hidden: true });
  const theme = el("button", { type: "button", class: "button button-quiet", id: "theme-switch" });
  const showTheme = () => {
    const isDark = currentTheme() === "dark";
    theme.textContent = isDark ? say("head.light") : say("head.dark");
    theme.setAttribute("aria-label", isDark ? say("head.toLight") : say("head.toDark"));
  };
  theme.addEventListener("click", () => {
    toggleTheme();
    showTheme();
  });
  showTheme();
  element.classList.add("studio-head", "lora-ui");
  element.replaceChildren(
    el("h1", { text: "Wan2.2 LoRA Studio" }),
    el("p", { class: "status", id: "status-line", role: "status" }, dot, text),
    bar,
    queueButton(),
    theme,
    helpButton(options.version),
    notices,
  );
  const draw = () => {
    show(dot, text, bar, options.models);
    tell(notices);
  };
  poll.addEventListener("status", draw);
  poll.addEventListener("connection", draw);
  draw();
  poll.start();
  guardDrops();
  connectVisitor();
  connectTabKeys();
  connectHelpKeys();
  connectTitle();
  showWhenReady(() => {
    document.documentElement.lang = language; // Gradio says the browser's
    tellGradio();
    connectNavigation();
    connectArrivals();
  });
}

function show(dot, text, bar, titles) {
  const { status, connected } = poll;
  const job = status?.job;
  const running = job?.state === "running";
  bar.hidden = !running;
  if (!connected) {
    dot.dataset.state = "failed";
    text.textContent = say("head.away");
    return;
  }
  if (!status) {
    text.textContent = say("head.connecting");
    return;
  }
  if (status.problems?.length && !running) {
    dot.dataset.state = "failed";
    text.textContent = say("head.attention");
    text.title = status.problems.join(" ");
    return;
  }
  const { state, model, detail } = status.worker;
  const lacking = state === "ready" && !model && detail;
  dot.dataset.state = running ? "busy" : lacking ? "failed" : state;
  text.textContent = running ? progressText(job) : workerText(status.worker, titles);
  text.title = status.worker.detail || status.worker.offload_reason || "";
  const done = running ? fraction(job) : null;
  if (done === null) bar.removeAttribute("value");
  else bar.value = done;
}

/** What keeps jobs from running, and files that were damaged: each as a paragraph. */
function tell(notices) {
  const { status } = poll;
  const words = [...(status?.problems ?? []), ...(status?.notices ?? [])];
  const shown = [...notices.children].map((each) => each.textContent);
  if (words.join("\n") === shown.join("\n")) return;
  notices.replaceChildren(...words.map((each) => el("p", { text: each })));
  notices.hidden = words.length === 0;
}
