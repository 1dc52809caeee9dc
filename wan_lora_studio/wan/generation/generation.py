"""Generation of one video: from a task to a file, with exactly the selected LoRAs."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wan_lora_studio.errors import (
    LoRAError,
    ModelLoadError,
    StudioError,
    VRAMError,
    handle_error_with_recovery,
)
from wan_lora_studio.texts import say
from wan_lora_studio.wan.generation.decoding import decode_latents
from wan_lora_studio.wan.generation.kept_latents import Kept, KeptLatents
from wan_lora_studio.wan.generation.latent_preview import colours_of
from wan_lora_studio.wan.generation.output_checks import Whereabouts, require_picture
from wan_lora_studio.wan.generation.previewer import Previewer
from wan_lora_studio.wan.generation.provenance import machine_facts, made_from, metadata
from wan_lora_studio.wan.generation.recovery import Recovery
from wan_lora_studio.wan.generation.sampling import Cancel, OnProgress, Sampler, check_cancel
from wan_lora_studio.wan.generation.stages import Stages
from wan_lora_studio.wan.generation.step_cache import first_block_cache
from wan_lora_studio.wan.generation.video_file import Frames, ResultFiles, write_result
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.models import LoadedModel, ModelManager
from wan_lora_studio.wan.task import GenerationResult, GenerationTask, unreadable_prompt

logger = logging.getLogger(__name__)

READING = {
    "text_encoder": say("wan.generation.reading.text_encoder"),
    "transformer": say("wan.generation.reading.high"),
    "transformer_2": say("wan.generation.reading.low"),
}


def generate_video(
    task: GenerationTask,
    *,
    models: ModelManager,
    loras: LoRAManager,
    on_progress: OnProgress | None = None,
    cancel: Cancel = None,
    wait: bool | float = True,
) -> GenerationResult:
    """Make one video and write it to the settings' outputs_dir.

    `on_progress` is called with a `Progress` at each stage and step, on the calling thread;
    `cancel` (a callable that returns True, or anything with `is_set()`) stops the run within a
    step. The LoRAs are applied before sampling and taken off afterwards: whatever happens, the
    model's weights are then bit-identical to before.

    A LoRA that cannot be applied is treated as the settings' `on_lora_failure` says; memory that
    runs out, by the measures of `MemoryLadder`. What was done is told by `on_progress`, by the
    result and by the video's metadata.

    One run at a time uses a model: another waits for it, and can be cancelled meanwhile; with
    `wait=False`, or after so many seconds, it raises InUseError.

    Raises GenerationError (an invalid task, every problem named; an unusable result), a
    LoRAError that names the LoRA, ModelLoadError, VRAMError or CancelledByUser. No file is left
    behind by a run that fails.
    """
    with contextlib.ExitStack() as undo:
        run = _Run(task, models, loras, Stages(on_progress, cancel), undo, wait=wait)
        undo.enter_context(models.owned(say("wan.generation.being_made"), wait, run.check))
        undo.callback(models.free_caches)
        return run.result()


def _without_the_lora(failure: LoRAError, run: _Run) -> Tensor:
    run.recovery.leave_out(failure)
    return run.latents()


def _sampling_with_less(failure: VRAMError, run: _Run) -> Tensor:
    run.recovery.make_room(failure)
    return run.latents()


def _decoding_with_less(failure: VRAMError, run: _Run, latents: Tensor) -> Frames:
    run.recovery.make_room(failure)
    return run.frames(latents)


def _writing_with_less(failure: VRAMError, run: _Run, frames: Frames) -> GenerationResult:
    run.recovery.make_room(failure)
    return run.written(frames)


class _Run:
    """The stages of one generation. Each may be run again after a recovery; what the stages
    before it made is kept."""

    def __init__(
        self,
        task: GenerationTask,
        models: ModelManager,
        loras: LoRAManager,
        stages: Stages,
        undo: contextlib.ExitStack,
        *,
        wait: bool | float,
    ) -> None:
        self._models, self._loras, self._stages, self._wait = models, loras, stages, wait
        self._task = _checked(task, loras)
        stages.begin(self._task, loras.doubts(self._task))
        self.recovery = Recovery(self._task, models, loras, stages, undo)
        self._kept = KeptLatents(models.settings.data_dir / "latents", self._task.id)
        self._reports: dict[str, dict[str, Any]] = {}
        self._measured: dict[str, Any] = {}

    def check(self) -> None:
        """Raise CancelledByUser if the run was asked to stop."""
        check_cancel(self._stages.cancel)

    def result(self) -> GenerationResult:
        try:
            self.recovery.foresee()
            return self.written(self.frames(self.latents()))
        except StudioError as error:
            broken = isinstance(error, ModelLoadError)
            if broken and self._models.loaded == self._task.model_type:
                self._models.unload()  # what is in memory may no longer be the model
            error.context.setdefault("machine", machine_facts(torch.device(self._models.device)))
            error.context.setdefault("recoveries", list(self.recovery.taken))
            raise

    @handle_error_with_recovery({LoRAError: _without_the_lora, VRAMError: _sampling_with_less})
    def latents(self) -> Tensor:
        """Load, apply, encode the prompt, sample; the LoRAs are off again then."""
        self.recovery.require_usable()
        with self._stages.timed("load", self._load_message()):
            model = self._models.load(self._task.model_type, self.recovery.placing)
            pipeline = model.pipeline_for(image=bool(self._task.image))
            for remark in model.speed.remarks:
                self._stages.say("load", remark)
        origin = self._origin(model)
        if (kept := self._kept.find(origin)) is not None:
            return self._taken_up(kept)
        with contextlib.ExitStack() as applied:
            with self._stages.timed("apply"):
                selection = self.recovery.selection
                stack = applied.enter_context(
                    self._loras.applied(
                        pipeline,
                        selection,
                        model_type=self._task.model_type,
                        wait=self._wait,
                        check=self.check,
                    )
                )
            latents = self._sampled(model, pipeline)
            self._reports = stack.loras
            self._measured = {
                "lora_memory_usage": stack.lora_memory_usage,
                "lora_load_time": stack.lora_load_time,
            }
        self._kept.keep(latents, origin, self._told())
        return latents

    def _sampled(self, model: LoadedModel, pipeline: Any) -> Tensor:
        """Of the parts that are on call, the text encoder goes before the first step."""
        sampler = self._sampler(model, pipeline)
        with model.on_call.used(self._reading):
            with self._stages.timed("text"):
                embeddings = sampler.encode_prompt()
                model.on_call.let_go()
            with (
                self._stages.timed("sample"),
                first_block_cache(pipeline, self._models.settings.first_block_cache),
            ):
                return sampler.sample(*embeddings)

    def _reading(self, component: str) -> None:
        """A part of the model is about to be read, which takes as long as loading it."""
        self.check()
        self._stages.wait_for(READING[component])

    def _origin(self, model: LoadedModel) -> dict[str, Any]:
        items = self._loras.stack_items(self.recovery.selection)
        hashes = {item.name: item.sha256 for item in items}
        return made_from(self._task, model, self._models.settings, hashes)

    def _told(self) -> dict[str, Any]:
        """What of the run so far the result will say."""
        return {
            "reports": self._reports,
            "measured": self._measured,
            "recoveries": self.recovery.taken,
            "timings": self._stages.timings,
            "whereabouts": dataclasses.asdict(self._stages.whereabouts),
        }

    def _taken_up(self, kept: Kept) -> Tensor:
        """Go on from an earlier try, which was sampled to the end with these very LoRAs."""
        told = kept.told
        self._reports, self._measured = told["reports"], told["measured"]
        self._stages.take_up(told["timings"], Whereabouts(**told["whereabouts"]))
        self.recovery.take_up(told["recoveries"])
        return kept.latents

    @handle_error_with_recovery({VRAMError: _decoding_with_less})
    def frames(self, latents: Tensor) -> Frames:
        """Decoded, and a picture."""
        model = self._models.load(self._task.model_type, self.recovery.placing)
        pipeline, where = model.pipeline, self._stages.whereabouts
        with self._stages.timed("decode"), self.recovery.room_to_decode(model):
            frames = decode_latents(pipeline, latents, where)
            pipeline.maybe_free_model_hooks()
        require_picture(frames, where)
        return frames

    @handle_error_with_recovery({VRAMError: _writing_with_less})
    def written(self, frames: Frames) -> GenerationResult:
        """In the outputs folder, with all it needs to be made again."""
        folder = self._models.settings.outputs_dir
        files = ResultFiles.named(folder, self._task.prompt, self._task.id)
        reports = self.recovery.in_order(self._reports)
        task = self._as_measured()
        with self._stages.timed("write"):
            model = self._models.load(self._task.model_type)
            outcome = self._outcome(frames, reports)
            told = metadata(task, model, self._models.settings, outcome)
            write_result(files, frames, int(self._task.fps or 1), told)
        logger.info("video written to %s", files.video)
        self._kept.drop()
        self._note_use(files.video)
        return GenerationResult(
            video_path=str(files.video),
            poster_path=str(files.poster),
            task=task,
            **self._outcome(frames, reports),
        )

    def _as_measured(self) -> GenerationTask:
        """The task with what its LoRAs really cost, and what the library says of them."""
        texts = self._loras.texts_of(self._task.selected_loras)
        texts |= self._task.lora_metadata  # as they were when the job was submitted
        return dataclasses.replace(self._task, lora_metadata=texts, **self._measured)

    def _note_use(self, video: Path) -> None:
        """The video is there by now, so a library that cannot note its use fails nothing."""
        try:
            self._loras.record_use(self.recovery.selection, video)
        except (LoRAError, OSError):
            logger.warning("the use of the LoRAs could not be noted", exc_info=True)

    def _outcome(self, frames: Frames, reports: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """The fields of the result that are in the metadata too."""
        count, height, width, channels = frames.shape
        return {
            "frames_shape": (count, height, width, channels),
            "loras": reports,
            "warnings": [
                *self.recovery.warnings,
                *self._task.prompt_warnings,
                *_warnings(self._reports),
            ],
            "prompt_used": self.recovery.prompt,
            "recoveries": list(self.recovery.taken),
            "timings": self._stages.timings,
        }

    def _sampler(self, model: LoadedModel, pipeline: Any) -> Sampler:
        wanted = self._models.settings.preview and self._stages.watched
        return Sampler(
            model,
            pipeline,
            self._task,
            self.recovery.prompt,
            tuple(self.recovery.selection),
            # Where whole parts move, the decoder would swap the transformer out at every step.
            Previewer(
                pipeline,
                colours_of(pipeline.vae, model.folder / "vae"),
                enabled=wanted,
                decode=model.offload != "model",
            ),
            self._stages.report,
            self._stages.cancel,
        )

    def _load_message(self) -> str:
        here = self._models.loaded == self._task.model_type
        return "" if here else say("wan.generation.loading")


def _checked(task: GenerationTask, loras: LoRAManager) -> GenerationTask:
    """The task as it can run. LoRAs that cannot be used stop it only if the settings say so."""
    if loras.settings.on_lora_failure == "fail":
        return loras.checked(task)
    read, unread = loras.without_notation(task)
    if unread:
        raise unreadable_prompt(unread)
    return read.resolved(loras.settings)


def _warnings(reports: dict[str, dict[str, Any]]) -> list[str]:
    found = []
    for name, report in reports.items():
        missing = len(report["unknown"])
        if missing:
            found.append(say("wan.generation.unknown_keys", count=missing, lora=name))
        if report["doubt"]:
            found.append(say("wan.generation.doubt", lora=name, doubt=report["doubt"]))
        idle = [expert for expert, cover in report["coverage"].items() if cover["matched"] == 0]
        found += [say("wan.generation.idle", lora=name, expert=expert) for expert in idle]
    return found
