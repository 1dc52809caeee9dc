"""No reader raises anything but errors in words: properties, and a short run of the fuzzer."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.__main__ import NO_ATHERIS, ROOT
from tests.fuzz.mutations import mutated
from tests.fuzz.seeds import TARGETS
from tests.fuzz.targets import within_words

EXAMPLES = 150


def bytewise(data: bytes, most: int) -> bytes:
    """One byte removed, repeated or changed; as chance has it, but always alike."""
    chance = random.Random(data)
    place = chance.randrange(len(data) + 1)
    return (
        data[:place] + chance.choice((b"", b"[", b'"', b"\xff", b"0" * 50)) + data[place + 1 :]
    )[:most]


@pytest.mark.parametrize("name", TARGETS)
def test_what_a_fuzzer_begins_with(name: str) -> None:
    for data in TARGETS[name].seeds:
        within_words(TARGETS[name].read, data)


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data())
@settings(deadline=None, max_examples=EXAMPLES, suppress_health_check=[HealthCheck.too_slow])
def test_changed_in_a_few_places(name: str, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(TARGETS[name].seeds))
    for seed in data.draw(st.lists(st.integers(0, 2**32), min_size=1, max_size=5)):
        text = mutated(text, 20_000, seed, bytewise)
    within_words(TARGETS[name].read, text)


@pytest.mark.parametrize("name", TARGETS)
@given(text=st.binary(max_size=300))
@settings(deadline=None, max_examples=EXAMPLES)
def test_any_bytes(name: str, text: bytes) -> None:
    within_words(TARGETS[name].read, text)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


@pytest.mark.parametrize("name", ["configuration", "sets", "video", "task", "wangp", "selection"])
@given(data=st.data())
@settings(deadline=None, max_examples=EXAMPLES)
def test_other_values_under_the_same_names(name: str, data: st.DataObject) -> None:
    seeds = [seed for seed in TARGETS[name].seeds if seed.startswith(b"{")]
    known = json.loads(data.draw(st.sampled_from(seeds)))
    for key in data.draw(st.lists(st.sampled_from(sorted(known)), max_size=3)):
        known[key] = data.draw(values)
    within_words(TARGETS[name].read, json.dumps(known).encode())


def test_the_command(tmp_path: Path) -> None:
    """It runs each target as often as it is told, or says that it cannot."""
    command = [sys.executable, "-m", "tests.fuzz", "--findings", str(tmp_path), "--runs", "500"]
    done = subprocess.run(
        [*command, "header", "selection"],
        cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ},
    )  # fmt: skip
    if importlib.util.find_spec("atheris") is None:
        assert done.returncode == NO_ATHERIS
        assert "no wheel" in done.stderr
        return
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("500 runs") == 2
    assert not list(tmp_path.iterdir())
