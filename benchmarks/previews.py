"""What the previews cost: the same video with and without them, by its sampling time."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from benchmarks.app_overhead import MOST_STEPS, JobsSizes
from benchmarks.harness import Timing
from benchmarks.live_app import ROOT
from benchmarks.report import PartResult, Table, Target, with_spread
from wan_lora_studio.settings import load_settings
from wan_lora_studio.wan.generation import generate_video
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.models import ModelManager
from wan_lora_studio.wan.task import GenerationTask, Progress

SHARE_LIMIT = 2.0  # percent of the sampling time
TRIAL_STEPS = 20
LEAST_PICTURES = 8  # of a run of 20 steps or more


class Maker:
    """Makes the demo model's example, with or without previews."""

    def __init__(self, folder: Path, *, preview: bool) -> None:
        folder.mkdir()
        settings = load_settings(
            loras_dir=folder / "loras",
            outputs_dir=folder / "outputs",
            data_dir=folder / "data",
            models_dir=ROOT / "models",
            preview=preview,
        )
        self._models, self._loras = ModelManager(settings), LoRAManager(settings)
        self.pictures: set[bytes] = set()  # of the last video, by their hashes
        self.seconds: list[float] = []  # of sampling

    def make(self, steps: int) -> float:
        """Seconds of sampling."""
        self.pictures.clear()
        row = load_settings().model("demo")
        task = GenerationTask(model_type="demo", prompt=row.examples[0], steps=steps, seed=7)
        made = generate_video(task, models=self._models, loras=self._loras, on_progress=self._look)
        seconds = made.timings["sample"]
        self.seconds.append(seconds)
        return seconds

    def _look(self, progress: Progress) -> None:
        if progress.preview:
            self.pictures.add(hashlib.sha256(progress.preview).digest())


def measure_previews(sizes: JobsSizes) -> PartResult:
    with tempfile.TemporaryDirectory(dir=sizes.folder) as name:
        without = Maker(Path(name) / "without", preview=False)
        shown = Maker(Path(name) / "with", preview=True)
        steps = TRIAL_STEPS
        for maker in (without, shown):  # the first video is slower, as every first run
            taken = maker.make(TRIAL_STEPS)
            maker.seconds.clear()
        if sizes.seconds:
            steps = min(MOST_STEPS, max(TRIAL_STEPS, round(TRIAL_STEPS * sizes.seconds / taken)))
        for turn in range(sizes.rounds):
            for maker in (without, shown) if turn % 2 == 0 else (shown, without):
                maker.make(steps)
    timings = {
        "without": Timing("without", tuple(without.seconds)),
        "with": Timing("with", tuple(shown.seconds)),
    }
    cost = 100 * (timings["without"].ratio_to(timings["with"]) - 1)
    pictures = len(shown.pictures)
    rows = (
        ("without previews", with_spread(timings["without"]), 0, "-"),
        ("with previews", with_spread(timings["with"]), pictures, f"{cost:+.2f} %"),
    )
    columns = ("run", "sampling: median (quartiles)", "different pictures", "cost")
    table = Table(f"Sampling with previews, {steps} steps", columns, rows)
    targets = [
        Target("previews' share of sampling", cost, "at most", SHARE_LIMIT, "%"),
        Target("different pictures", pictures, "at least", LEAST_PICTURES),
    ]
    return PartResult("previews", [table], targets, timings, {"steps": steps})
