"""`generate_video`: from a task to a video file, with exactly the selected LoRAs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import torch

from backend.errors import GenerationError, StudioError
from backend.wan.decoding import Previewer, decode_latents
from backend.wan.manager import LoRAManager
from backend.wan.memory import out_of_memory, release_memory
from backend.wan.models import LoadedModel, ModelManager
from backend.wan.provenance import metadata
from backend.wan.sampling import Cancel, OnProgress, Sampler, check_cancel
from backend.wan.task import GenerationResult, GenerationTask, Progress
from backend.wan.video_file import Frames, ResultFiles, write_result


def generate_video(
    task: GenerationTask,
    *,
    models: ModelManager,
    loras: LoRAManager,
    on_progress: OnProgress | None = None,
    cancel: Cancel = None,
) -> GenerationResult:
    """Make one video and write it to the settings' outputs_dir.

    `on_progress` is called with a `Progress` at each stage and step, on the calling thread;
    `cancel` (a callable that returns True, or anything with `is_set()`) stops the run within a
    step. The LoRAs are applied before sampling and taken off afterwards: whatever happens, the
    model's weights are then bit-identical to before.

    Raises GenerationError (an invalid task, every problem named; an unusable result), a
    LoRAError that names the LoRA, ModelLoadError, VRAMError or CancelledByUser. No file is left
    behind by a run that fails.
    """
    return _Run(loras.checked(task), models, loras, on_progress, cancel).result()


class _Run:
    """The stages of one generation, with their timings."""

    def __init__(
        self,
        task: GenerationTask,
        models: ModelManager,
        loras: LoRAManager,
        on_progress: OnProgress | None,
        cancel: Cancel,
    ) -> None:
        self._task = task
        self._models = models
        self._loras = loras
        self._on_progress = on_progress
        self._cancel = cancel
        self._timings: dict[str, float] = {}
        self._stage = "load"

    def result(self) -> GenerationResult:
        started = time.monotonic()
        failure: StudioError | None = None
        try:
            frames, reports = self._frames()
        except (torch.OutOfMemoryError, MemoryError):
            failure = out_of_memory(self._task, self._stage)
        # Outside the except block: its frames would keep tensors alive.
        if failure is not None:
            release_memory()
            raise failure
        return self._written(frames, reports, started)

    def _frames(self) -> tuple[Frames, dict[str, dict[str, Any]]]:
        with self._timed("load", self._models_message()):
            model = self._models.load(self._task.model_type)
            pipeline = model.pipeline_for(image=bool(self._task.image))
        with contextlib.ExitStack() as applied:
            with self._timed("apply"):
                stack = applied.enter_context(
                    self._loras.applied(
                        pipeline, self._task.selected_loras, model_type=self._task.model_type
                    )
                )
            sampler = self._sampler(model, pipeline, stack)
            with self._timed("text"):
                embeddings = sampler.encode_prompt()
            with self._timed("sample"):
                latents = sampler.sample(*embeddings)
        with self._timed("decode"):
            frames = decode_latents(pipeline, latents)
            pipeline.maybe_free_model_hooks()
        if not frames.any():
            raise GenerationError(
                "The result is all black.",
                suggestions=["Lower the LoRA strengths, or generate without LoRAs."],
                context={"loras": list(self._task.selected_loras)},
            )
        return frames, stack.loras

    def _sampler(self, model: LoadedModel, pipeline: Any, stack: Any) -> Sampler:
        # With offloaded parts a preview would swap the transformer out at every step.
        previews = self._models.settings.preview and self._on_progress is not None
        previewer = Previewer(pipeline, enabled=previews and not model.offloaded)
        return Sampler(pipeline, self._task, stack, previewer, self._report, self._cancel)

    def _written(
        self, frames: Frames, reports: dict[str, dict[str, Any]], started: float
    ) -> GenerationResult:
        files = ResultFiles.named(
            self._models.settings.outputs_dir, self._task.prompt, self._task.id
        )
        outcome: dict[str, Any] = {
            "frames_shape": _shape(frames),
            "loras": reports,
            "warnings": _warnings(reports),
            "prompt_used": self._task.prompt,
            "recoveries": [],
        }
        with self._timed("write"):
            known = {**outcome, "timings": dict(self._timings)}
            model = self._models.load(self._task.model_type)
            write_result(
                files, frames, int(self._task.fps or 1), metadata(self._task, model, known)
            )
        self._loras.record_use(self._task.selected_loras)
        self._timings["total"] = time.monotonic() - started
        return GenerationResult(
            video_path=str(files.video),
            poster_path=str(files.poster),
            task=self._task,
            timings=dict(self._timings),
            **outcome,
        )

    def _models_message(self) -> str:
        return "" if self._models.loaded == self._task.model_type else "loading the model"

    def _report(self, progress: Progress) -> None:
        if self._on_progress is not None:
            self._on_progress(progress)

    @contextlib.contextmanager
    def _timed(self, stage: str, message: str = "") -> Iterator[None]:
        check_cancel(self._cancel)
        self._stage = stage
        self._report(Progress(stage=stage, steps=int(self._task.steps or 0), message=message))
        started = time.monotonic()
        yield
        self._timings[stage] = time.monotonic() - started


def _shape(frames: Frames) -> tuple[int, int, int, int]:
    count, height, width, channels = frames.shape
    return count, height, width, channels


def _warnings(reports: dict[str, dict[str, Any]]) -> list[str]:
    found = []
    for name, report in reports.items():
        missing = len(report["unknown"])
        if missing:
            found.append(f"{name}: {missing} keys of the file are unknown and were not applied.")
        idle = [expert for expert, cover in report["coverage"].items() if cover["matched"] == 0]
        found += [f"{name}: has nothing for the {expert}-noise expert." for expert in idle]
    return found
