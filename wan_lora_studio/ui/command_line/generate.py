"""Generate command: one video, or a grid of them, without the page."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

from wan_lora_studio.errors import GenerationError, LoRAError
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say
from wan_lora_studio.ui.command_line.arguments import TASK_ARGUMENTS
from wan_lora_studio.ui.command_line.grid import GridRequest, first_prompt, run_grid
from wan_lora_studio.ui.forms import Likeness, from_video
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.task import GenerationResult, GenerationTask, Progress

LINE_WIDTH = 60
STAGES = {
    "load": say("ui.command_line.generate.load"),
    "apply": say("ui.command_line.generate.apply"),
    "text": say("ui.command_line.generate.text"),
    "decode": say("ui.command_line.generate.decode"),
    "write": say("ui.command_line.generate.write"),
}


def run_generate(arguments: argparse.Namespace, settings: Settings) -> int:
    """Make the video of `arguments`; what goes wrong is raised as a StudioError."""
    from wan_lora_studio.wan.generation import generate_video
    from wan_lora_studio.wan.models import ModelManager

    is_grid = _is_grid(arguments)
    target = None if is_grid else _target(arguments.out)
    loras = LoRAManager(settings)
    if is_grid and arguments.prompt is None:
        arguments.prompt = first_prompt(arguments)
    task = wanted_task(arguments, settings, loras)
    for warning in (*task.prompt_warnings, *loras.doubts(loras.without_notation(task)[0])):
        print(say("ui.command_line.generate.note", text=warning), file=sys.stderr)
    models = ModelManager(settings)

    def make(wanted: GenerationTask) -> GenerationResult:
        return generate_video(wanted, models=models, loras=loras, on_progress=print_progress)

    if is_grid:
        request = GridRequest(arguments, settings, loras)
        return run_grid(request, task, lambda cell, place: place_result(make(cell), place))
    result = make(task)
    written = place_result(result, target)
    print("\n" + say("ui.command_line.generate.seed", seed=result.task.seed))
    for name, report in result.loras.items():
        print(f"LoRA {name}: {report['outcome']} ({_how(report)})")
    for warning in [text for text in result.warnings if text not in task.prompt_warnings]:
        print(say("ui.command_line.generate.note", text=warning), file=sys.stderr)
    print(written)
    return 0


def _is_grid(arguments: argparse.Namespace) -> bool:
    if arguments.grid_x is None and arguments.grid_y is not None:
        arguments.usage_error(say("ui.command_line.generate.grid_y_alone"))
    if arguments.grid_x is None and arguments.plan:
        arguments.usage_error(say("ui.command_line.generate.plan_alone"))
    return arguments.grid_x is not None


def _how(report: dict[str, Any]) -> str:
    """The way it was applied, or why it was not."""
    if report["outcome"] == "applied":
        return f"{report['mode']}: {report['mode_reason']}"
    return str(report["reason"])


def wanted_task(
    arguments: argparse.Namespace, settings: Settings, loras: LoRAManager
) -> GenerationTask:
    """The task that the arguments ask for, checked, with the LoRAs that its prompts name."""
    if arguments.prompt is None and arguments.like is None:
        arguments.usage_error(say("ui.command_line.generate.prompt_or_like"))
    like = from_video(arguments.like, settings, loras) if arguments.like else Likeness({}, {}, [])
    for note in like.notes:
        print(say("ui.command_line.generate.note", text=note), file=sys.stderr)
    selected = {
        name: _usual_strength(name, settings, loras) if strength is None else strength
        for name, strength in arguments.lora
    }
    names = ("prompt", *(name for _, name, _, _ in TASK_ARGUMENTS))
    given = {name: getattr(arguments, name) for name in names}
    fields = like.fields | {name: value for name, value in given.items() if value is not None}
    if "model" in arguments:
        fields["model_type"] = settings.default_model
    # Checked before torch is imported, so that a typing error is told at once.
    return loras.checked(
        GenerationTask(
            **{"model_type": settings.default_model, "prompt": "", **fields},
            selected_loras=like.selected_loras | selected,
        )
    )


def _usual_strength(name: str, settings: Settings, loras: LoRAManager) -> Any:
    """For `--lora NAME` alone. One that the library lacks is refused later, with all the rest."""
    try:
        return loras.usual_strength(name)
    except LoRAError:
        return settings.default_strength


def _target(out: Path | None) -> Path | None:
    """Where the video shall be; refuses to overwrite anything. None means the outputs folder."""
    if out is not None and out.suffix.lower() == ".mp4" and not out.is_dir():
        _refuse_taken(
            [out.with_suffix(suffix) for suffix in (".mp4", ".json", ".jpg")],
            say("ui.command_line.generate.nothing_made"),
        )
    return out


def place_result(result: GenerationResult, target: Path | None) -> Path:
    """Move the video, its JSON and its poster to `target`; gives the video's path.

    Raises GenerationError, and moves nothing, if one of them is there already.
    """
    source = Path(result.video_path)
    if target is None:
        return source
    named = target.suffix.lower() == ".mp4" and not target.is_dir()
    video = target if named else target / source.name
    files = [source.with_suffix(".json"), Path(result.poster_path), source]
    moves = {path: video.with_suffix(path.suffix) for path in files if path.is_file()}
    _refuse_taken(list(moves.values()), say("ui.command_line.generate.kept_at", path=source))
    video.parent.mkdir(parents=True, exist_ok=True)
    for path, place in moves.items():
        shutil.move(path, place)
    return video


def _refuse_taken(places: list[Path], consequence: str) -> None:
    taken = [path for path in places if path.exists()]
    if taken:
        raise GenerationError(
            say("ui.command_line.generate.taken", path=taken[0], then=consequence),
            suggestions=[say("ui.command_line.generate.another_name")],
        )


def print_progress(progress: Progress) -> None:
    """One line per change, rewritten in place on a terminal."""
    line = STAGES.get(progress.stage, progress.stage)
    if progress.stage == "sample":
        steps = {"step": progress.step, "steps": progress.steps}
        line = say("ui.command_line.generate.step", **steps)
        if progress.expert:
            line = say("ui.command_line.generate.step_of_expert", expert=progress.expert, **steps)
        if progress.seconds_left is not None:
            line += f", {say('ui.command_line.models.left', time=f'{progress.seconds_left:.0f} s')}"
    if sys.stdout.isatty():  # spaces cover the line before; not every console knows a code for it
        print(f"\r{line:<{LINE_WIDTH}}", end="", flush=True)
    else:
        print(line, flush=True)
