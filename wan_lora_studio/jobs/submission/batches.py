"""Batches: from a task and its parts to the tasks that are run, each complete and checked."""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wan_lora_studio.errors import GenerationError, StudioError
from wan_lora_studio.grid import MOST_CELLS
from wan_lora_studio.jobs.job import JobPart, Part
from wan_lora_studio.texts import say
from wan_lora_studio.wan.task import GenerationTask, random_seed

MOST_PARTS = MOST_CELLS
CHANGEABLE = {item.name for item in dataclasses.fields(GenerationTask)} - {"id"}

Check = Callable[[GenerationTask], GenerationTask]


def expand(
    task: GenerationTask, parts: Sequence[Part], check: Check
) -> tuple[GenerationTask, tuple[JobPart, ...]]:
    """The job's own task, resolved, and its parts with theirs.

    `check` fills in a task's defaults and raises what is wrong with it. A seed that is left open
    is drawn once for the whole batch, unless a part's changes say `seed: None`. The task itself
    need not be complete where the parts complete it, as with a list of prompts; then the first
    part's task stands for the job. Raises GenerationError that names every part's problems.
    """
    seeded = task if task.seed is not None else dataclasses.replace(task, seed=random_seed())
    if not parts:
        return check(seeded), ()
    _require_sane(parts)
    made, problems = [], []
    for number, part in enumerate(parts, 1):
        try:
            made.append(_made(seeded, part, check))
        except StudioError as error:
            problems.append((number, part.label, error))
    if problems:
        raise _refused(problems, len(parts))
    try:
        own = check(seeded)
    except StudioError:
        own = dataclasses.replace(made[0].task, id=task.id)
    return own, tuple(made)


def _made(task: GenerationTask, part: Part, check: Check) -> JobPart:
    part_id = uuid.uuid4().hex
    changed = dataclasses.replace(task, **{**part.changes, "id": part_id})
    made = JobPart(part_id, part.label, dict(part.changes), check(changed))
    return dataclasses.replace(made, preview_of=part.preview_of)


def _require_sane(parts: Sequence[Part]) -> None:
    problems = []
    if len(parts) > MOST_PARTS:
        problems.append(say("jobs.submission.too_many", count=len(parts), most=MOST_PARTS))
    for number, part in enumerate(parts, 1):
        if not isinstance(part.changes, Mapping):
            problems.append(say("jobs.submission.no_fields", number=number))
        elif unknown := sorted(set(part.changes) - CHANGEABLE):
            problems.append(
                say("jobs.submission.unknown_fields", number=number, fields=", ".join(unknown))
            )
    if problems:
        raise GenerationError(
            say("jobs.submission.no_batch", problems="; ".join(problems)),
            suggestions=[say("jobs.submission.give_parts")],
            context={"problems": problems},
        )


def _refused(problems: list[tuple[int, str, StudioError]], count: int) -> StudioError:
    """One error for all, of the type of the first, each message once; the first itself where the
    same is wrong with every one of the `count` parts."""
    first = problems[0][2]
    if len(problems) == count and len({error.message for _, _, error in problems}) == 1:
        return first
    texts: dict[str, list[str]] = {}
    for number, label, error in problems:
        texts.setdefault(error.message, []).append(label or f"part {number}")
    lines = [f"{', '.join(labels)}: {message}" for message, labels in texts.items()]
    context: dict[str, Any] = {**first.context, "problems": lines}
    return type(first)(" ".join(lines), suggestions=first.suggestions, context=context)
