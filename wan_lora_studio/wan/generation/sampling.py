"""Sampling: from a prompt to latents, with progress and cancel."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from PIL import Image, ImageOps
from torch import Tensor

from wan_lora_studio.errors import CancelledByUser, GenerationError
from wan_lora_studio.lora.files import NOT_A_PICTURE, picture_of
from wan_lora_studio.lora.roles import Expert
from wan_lora_studio.texts import say
from wan_lora_studio.wan.generation.output_checks import Whereabouts, require_finite_latents
from wan_lora_studio.wan.generation.previewer import Previewer
from wan_lora_studio.wan.models import LoadedModel
from wan_lora_studio.wan.task import GenerationTask, Progress

PROMPT_TOKENS = 512  # The length at which Wan was trained.
# diffusers runs no guidance at all when the first expert's is 1, whatever the second's is.
JUST_ABOVE_ONE = 1.0 + 1e-6

OnProgress = Callable[[Progress], None]


class Event(Protocol):
    def is_set(self) -> bool: ...


Cancel = Callable[[], bool] | Event | None


def check_cancel(cancel: Cancel) -> None:
    """Raise CancelledByUser if the run was asked to stop."""
    if cancel is None:
        return
    if cancel() if callable(cancel) else cancel.is_set():
        raise CancelledByUser(say("wan.generation.cancelled"))


@dataclass(frozen=True)
class Sampler:
    """One run of a pipeline of the model. `task` is resolved: none of its fields is None.

    `prompt` is the task's, with what stands in for LoRAs that are left out; `loras` names those
    in force.
    """

    model: LoadedModel
    pipeline: Any
    task: GenerationTask
    prompt: str
    loras: tuple[str, ...]
    previewer: Previewer
    report: OnProgress
    cancel: Cancel

    @property
    def guidance(self) -> tuple[float, float | None]:
        """Guidance of the high and the low expert, as the pipeline must be told."""
        high, low = float(self.task.guidance_scale or 0.0), self.task.guidance_scale_2
        if self.pipeline.config.boundary_ratio is None:
            return high, None
        if low is not None and low > 1.0 >= high:
            high = JUST_ABOVE_ONE if high == 1.0 else high
        return high, low

    def encode_prompt(self) -> tuple[Tensor, Tensor | None]:
        """Embeddings [1, 512, dim] of the prompt and, under guidance, of the negative one."""
        high, _ = self.guidance
        negative = self.task.negative_prompt or ""
        return (
            self.model.embedding(self.prompt, PROMPT_TOKENS),
            self.model.embedding(negative, PROMPT_TOKENS) if high > 1.0 else None,
        )

    def sample(self, positive: Tensor, negative: Tensor | None) -> Tensor:
        """The clean latents. Raises CancelledByUser within one step of a cancel."""
        self._set_flow_shift()
        high, low = self.guidance
        inputs: dict[str, Any] = {
            "prompt_embeds": positive,
            "negative_prompt_embeds": negative,
            "width": self.task.width,
            "height": self.task.height,
            "num_frames": self.task.num_frames,
            "num_inference_steps": self.task.steps,
            "guidance_scale": high,
            "guidance_scale_2": low,
            "generator": torch.Generator("cpu").manual_seed(int(self.task.seed or 0)),
            "output_type": "latent",
            "return_dict": False,
            "callback_on_step_end": _StepReporter(self),
            "max_sequence_length": PROMPT_TOKENS,
        }
        if self.task.image:
            inputs["image"] = open_picture(self.task)
        try:
            with torch.no_grad():
                latents: Tensor = self.pipeline(**inputs)[0]
        finally:
            self.pipeline.maybe_free_model_hooks()
        return latents

    def _set_flow_shift(self) -> None:
        scheduler = self.pipeline.scheduler
        name = "flow_shift" if "flow_shift" in scheduler.config else "shift"
        self.pipeline.scheduler = type(scheduler).from_config(
            scheduler.config, **{name: self.task.flow_shift}
        )


class _StepReporter:
    """diffusers' step callback: checks and reports."""

    def __init__(self, sampler: Sampler) -> None:
        self._sampler = sampler
        self._started = time.monotonic()

    def __call__(self, pipeline: Any, index: int, timestep: Any, tensors: dict[str, Any]) -> Any:
        sampler, steps = self._sampler, int(self._sampler.task.steps or 1)
        done = index + 1
        expert = _expert(pipeline, float(timestep))
        where = Whereabouts(done, steps, expert, sampler.loras)
        require_finite_latents(tensors["latents"], where)
        passed = time.monotonic() - self._started
        sampler.report(
            Progress(
                stage="sample",
                step=done,
                steps=steps,
                expert=expert,
                high_steps=_high_steps(pipeline, steps),
                seconds_left=passed / done * (steps - done),
                preview=sampler.previewer.picture(tensors["latents"]),
            )
        )
        check_cancel(sampler.cancel)
        return tensors


def open_picture(task: GenerationTask) -> Image.Image:
    """The input picture, cropped around its centre and scaled to the task's size."""
    try:
        picture = picture_of(Path(str(task.image)))
    except NOT_A_PICTURE as error:
        raise GenerationError(
            say("wan.generation.picture", file=task.image, problem=error),
            cause=say("wan.generation.picture_cause"),
            suggestions=[say("wan.generation.choose_picture")],
        ) from error
    return ImageOps.fit(picture, (int(task.width or 0), int(task.height or 0)))


def _expert(pipeline: Any, timestep: float) -> Expert:
    boundary = pipeline.config.boundary_ratio
    if boundary is None or timestep >= boundary * pipeline.scheduler.config.num_train_timesteps:
        return "high"
    return "low"


def _high_steps(pipeline: Any, steps: int) -> int | None:
    """How many of the steps the high expert makes; None where there is one transformer, or where
    the scheduler's count is another one."""
    timesteps = getattr(pipeline.scheduler, "timesteps", ())
    if pipeline.config.boundary_ratio is None or len(timesteps) != steps:
        return None
    return sum(_expert(pipeline, float(timestep)) == "high" for timestep in timesteps)
