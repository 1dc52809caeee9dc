from __future__ import annotations

import asyncio
import gc
import json
import pickle
import re
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import wan_lora_studio.errors
from tests.support.paths import ROOT
from wan_lora_studio.errors import (
    CancelledByUser,
    GenerationError,
    LoRAError,
    LoRAFileError,
    LoRALoadingError,
    StudioError,
    VRAMError,
    error_from_dict,
    handle_error_with_recovery,
)


def family(kind: type[StudioError]) -> Iterator[type[StudioError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == "wan_lora_studio.errors":
            yield from family(child)


KINDS = list(family(StudioError))


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_says_what_kind_it_is_and_what_to_do(kind: type[StudioError]) -> None:
    error = kind("Something happened.")
    assert error.category and (kind is StudioError or error.category != StudioError.category)
    assert error.suggestions and all(text.endswith(".") for text in error.suggestions)
    assert str(error) == error.message == "Something happened."
    assert error.cause.endswith(".") and error.cause != error.message


def test_categories_are_distinct() -> None:
    assert len({kind.category for kind in KINDS}) == len(KINDS)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = (wan_lora_studio.errors.__doc__ or "").split("\n\n")[1]
    names = {word for word in drawn.split() if word.isidentifier()}
    assert {kind.__name__ for kind in KINDS} <= names


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_survives_a_pipe_and_json(kind: type[StudioError]) -> None:
    context = {"path": Path("x"), "n": [1, (2,)]}
    error = kind("Broken.", cause="It fell.", suggestions=["Do this."], context=context)
    error.__cause__ = OSError(5, "the disk")
    pickled = pickle.loads(pickle.dumps(error))
    assert type(pickled) is kind
    assert (pickled.cause, pickled.chain) == ("It fell.", ("OSError: [Errno 5] the disk",))
    assert (pickled.suggestions, pickled.context) == (error.suggestions, error.context)
    told = json.loads(json.dumps(error.to_dict()))
    assert told["context"] == {"path": "x", "n": [1, [2]]}
    again = error_from_dict(told)
    assert type(again) is kind
    assert again.to_dict() == told


def test_an_unknown_type_becomes_the_root() -> None:
    error = error_from_dict({"type": "FromTheFuture", "message": "Hm.", "context": None})
    assert type(error) is StudioError and error.suggestions


def test_recovery_answers_the_listed_failure_with_the_same_arguments() -> None:
    def smaller(error: StudioError, size: int, *, name: str) -> str:
        return f"{name} at {size // 2}, since: {error.message}"

    @handle_error_with_recovery({VRAMError: smaller})
    def generate(size: int, *, name: str) -> str:
        if size > 10:
            raise VRAMError("too large")
        return f"{name} at {size}"

    assert generate(8, name="clip") == "clip at 8"
    assert generate(20, name="clip") == "clip at 10, since: too large"


def test_the_most_specific_recovery_wins_and_others_go_on() -> None:
    recoveries = {
        LoRAError: lambda error, kind: "any",
        LoRALoadingError: lambda error, kind: "loading",
    }

    @handle_error_with_recovery(recoveries)
    def fail(kind: type[Exception]) -> str:
        raise kind("no")

    assert fail(LoRALoadingError) == "loading"
    assert fail(LoRAFileError) == "any"
    for kind in (GenerationError, CancelledByUser, ValueError):
        with pytest.raises(kind):
            fail(kind)


def test_the_chain_names_what_led_to_an_error() -> None:
    error, middle = LoRAFileError("Broken."), ValueError("no number")
    assert error.chain == ()
    error.__cause__, middle.__context__ = middle, OSError("the disk")
    assert error.chain == ("ValueError: no number", "OSError: the disk")
    assert error_from_dict(error.to_dict()).chain == error.chain


CLASSES = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", KINDS)
def test_every_class_is_documented_with_what_why_and_what_next(kind: type[StudioError]) -> None:
    found = re.search(rf"^## {kind.__name__}\n(.*?)(?=^## |\Z)", CLASSES, re.MULTILINE | re.DOTALL)
    assert found, f"docs/errors.md has no section on {kind.__name__}"
    text = found.group(1)
    assert f"`{kind.category}`" in text
    for part in ("**What**", "**Why**", "**What next**"):
        assert part in text, f"{kind.__name__}: docs/errors.md does not say {part}"


def test_no_class_is_documented_that_is_not_there() -> None:
    assert set(re.findall(r"^## (\w+)$", CLASSES, re.MULTILINE)) == {k.__name__ for k in KINDS}


def test_recovery_runs_without_the_frames_of_the_failed_call() -> None:
    """A tensor of the failed call, or of what led to it, would otherwise still be in memory."""

    class Tensor:
        pass

    left: list[object] = []
    seen: list[weakref.ref[Tensor]] = []

    def look(error: StudioError) -> None:
        gc.collect()
        left.append(seen[0]())

    @handle_error_with_recovery({VRAMError: look})
    def fail() -> None:
        tensor = Tensor()
        seen.append(weakref.ref(tensor))
        try:
            allocate(tensor)
        except MemoryError as error:
            raise VRAMError("full") from error

    def allocate(tensor: Tensor) -> None:
        raise MemoryError

    fail()
    assert left == [None]


@handle_error_with_recovery
def divide(one: float, two: float = 2.0) -> float:
    """Divide."""
    return one / two


@handle_error_with_recovery()
def exhausted() -> None:
    raise MemoryError


@handle_error_with_recovery
def refused() -> None:
    raise LoRAFileError("Cut short.")


@handle_error_with_recovery
async def waited(two: float) -> float:
    return 1 / two


@handle_error_with_recovery
def one_by_one(two: float) -> Iterator[float]:
    yield 1.0
    yield 1 / two


def test_without_recoveries_it_runs_the_function_and_says_what_failed() -> None:
    assert divide(1.0) == divide(one=1.0, two=2.0) == 0.5
    assert (divide.__name__, divide.__doc__) == ("divide", "Divide.")
    with pytest.raises(StudioError, match="divide failed: float division by zero") as caught:
        divide(1.0, 0.0)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert caught.value.suggestions
    with pytest.raises(VRAMError):
        exhausted()
    with pytest.raises(LoRAFileError, match="Cut short"):
        refused()


def test_without_recoveries_it_takes_async_functions_and_generators() -> None:
    assert asyncio.run(waited(2.0)) == 0.5
    with pytest.raises(StudioError, match="waited failed"):
        asyncio.run(waited(0.0))
    assert list(one_by_one(2.0)) == [1.0, 0.5]
    steps = one_by_one(0.0)
    assert next(steps) == 1.0
    with pytest.raises(StudioError, match="one_by_one failed"):
        next(steps)


@pytest.mark.parametrize("wrong", [[VRAMError], "text", VRAMError])
def test_what_is_neither_a_function_nor_recoveries_is_refused_at_once(wrong: Any) -> None:
    with pytest.raises(TypeError, match="decorates a function, or takes a mapping"):
        handle_error_with_recovery(wrong)
