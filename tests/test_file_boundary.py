"""Whatever reading one file raises is an error about that file."""

from __future__ import annotations

import pytest

from wan_lora_studio.errors import GenerationError, LoRAFileError, StudioError, UnsupportedLoRAError
from wan_lora_studio.file_boundary import one_file


@pytest.mark.parametrize(
    "raised",
    [RecursionError("deep"), AssertionError(), MemoryError(), OverflowError("x"), KeyError("a")],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("kind", [LoRAFileError, GenerationError])
def test_any_error_names_the_file(raised: Exception, kind: type[StudioError]) -> None:
    with pytest.raises(kind, match=r"a\.png cannot be read") as caught, one_file("a.png", kind):
        raise raised
    assert caught.value.__cause__ is raised
    assert caught.value.suggestions


def test_an_error_of_the_system_is_told_in_its_words() -> None:
    with (
        pytest.raises(LoRAFileError, match=r"a cannot be read: No such device"),
        one_file("a", LoRAFileError),
    ):
        raise OSError(19, "No such device")


def test_errors_in_words_and_interrupts_go_on() -> None:
    for error in (UnsupportedLoRAError("of another kind"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught, one_file("a", LoRAFileError):
            raise error
        assert caught.value is error


def test_what_is_read_well_is_left_alone() -> None:
    with one_file("a", LoRAFileError) as given:
        read = b"text"
    assert (given, read) == (None, b"text")
