"""Sizes in words, as a person reads them."""

from __future__ import annotations

import pytest

from wan_lora_studio.units import in_part


@pytest.mark.parametrize(
    ("size", "whole", "words"),
    [
        (320_700, 641_400, "321 of 641 KB"),
        (10, 20, "10 of 20 bytes"),
        (1.2e9, 3.4e9, "1.2 of 3.4 GB"),
        (5e6, 250e6, "5 of 250 MB"),
        (0, 0, "0 of 0 bytes"),
    ],
)
def test_a_part_is_told_in_the_unit_of_the_whole(size: float, whole: float, words: str) -> None:
    assert in_part(size, whole) == words
