"""LoRAs that a prompt names: what the queue makes of them when a job is submitted or edited."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.jobs.scripted_queue import task
from tests.support.loras.files import write_lora
from wan_lora_studio.errors import GenerationError, LoRANotFoundError
from wan_lora_studio.jobs.job import Part
from wan_lora_studio.jobs.queue import JobQueue
from wan_lora_studio.settings import Settings


@pytest.fixture
def queue(settings: Settings, make_queue: Callable[..., JobQueue]) -> JobQueue:
    settings.loras_dir.mkdir(parents=True)
    for number, name in enumerate(("golden_hour", "ink wash")):
        write_lora(settings.loras_dir / f"{name}.safetensors", seed=number)
    return make_queue(start=False)


def test_they_are_selected_and_leave_the_prompts(queue: JobQueue) -> None:
    wanted = task(
        "a fox <lora:golden_hour:0.8:0.4>, red",
        negative_prompt="dull <lora:Ink Wash:0.5>",
        selected_loras={"golden_hour": 1.0},
    )
    job = queue.submit(wanted)
    assert (job.task.prompt, job.task.negative_prompt) == ("a fox, red", "dull")
    assert job.task.selected_loras == {"golden_hour": {"high": 0.8, "low": 0.4}, "ink wash": 0.5}
    assert set(job.task.lora_metadata) == {"golden_hour", "ink wash"}
    assert job.to_dict()["warnings"] == []


def test_each_prompt_of_a_batch_has_its_own(queue: JobQueue) -> None:
    prompts = ("a fox <lora:golden_hour:0.5>", "a cat <lora:golden_hour:0.9>", "a dog")
    parts = [Part(prompt, {"prompt": prompt}) for prompt in prompts]
    made = queue.submit(task("a fox", selected_loras={"ink wash": 1.0}), parts=parts).parts
    assert [part.task.prompt for part in made] == ["a fox", "a cat", "a dog"]
    assert [part.task.selected_loras for part in made] == [
        {"ink wash": 1.0, "golden_hour": 0.5},
        {"ink wash": 1.0, "golden_hour": 0.9},
        {"ink wash": 1.0},
    ]


def test_what_the_parts_select_wins_over_the_prompt_that_they_share(queue: JobQueue) -> None:
    parts = [Part("with", {}), Part("without", {"selected_loras": {}})]
    made = queue.submit(task("a fox <lora:golden_hour:0.5>"), parts=parts).parts
    assert [part.task.selected_loras for part in made] == [{"golden_hour": 0.5}, {}]
    assert {part.task.prompt for part in made} == {"a fox"}


def test_an_edited_prompt_is_read_too(queue: JobQueue) -> None:
    job = queue.submit(task("a fox"))
    edited = queue.edit(job.id, {"prompt": "a cat <lora:golden_hour:0.5>"})
    assert (edited.task.prompt, edited.task.selected_loras) == ("a cat", {"golden_hour": 0.5})


def test_everything_that_is_wrong_is_told_at_once(queue: JobQueue) -> None:
    with pytest.raises(GenerationError) as caught:
        queue.submit(task("a fox <lora:golden_hour:loud> <lora:golden_hou:1>", width=7))
    for words in ("width", "loud is not a number", "no LoRA named 'golden_hou'"):
        assert words in caught.value.message
    with pytest.raises(LoRANotFoundError) as unknown:
        queue.submit(task("a fox <lora:golden_hou:1>"))
    assert "Did you mean 'golden_hour'?" in unknown.value.suggestions
    assert queue.jobs() == []


def test_other_notation_is_told_once_and_refused_never(queue: JobQueue) -> None:
    parts = [Part(str(seed), {"seed": seed}) for seed in (1, 2)]
    job = queue.submit(task("a {red|blue} fox, (big:1.3)"), parts=parts)
    assert len(job.warnings) == 2
    assert job.to_dict()["warnings"][0].startswith("{red|blue} goes to the model as written")
