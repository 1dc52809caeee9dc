"""Killed at random moments while deleting and bringing back: every video is still one or other."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.result_files import metadata, write_video
from wan_lora_studio.results.library import ResultLibrary
from wan_lora_studio.results.query import ResultQuery
from wan_lora_studio.settings import load_settings

KILLS = 12
COUNT = 6


@pytest.mark.slow
def test_no_result_is_lost_to_a_kill(tmp_path: Path) -> None:
    settings = load_settings(outputs_dir=tmp_path / "outputs", data_dir=tmp_path / "data")
    for number in range(COUNT):
        name = f"task-{number}"
        write_video(settings.outputs_dir, name, metadata(id=name, seed=number))
    chance = random.Random(7)
    for kill in range(KILLS):
        run_and_kill(tmp_path, kill, chance.uniform(0.0, 0.25))
    library = ResultLibrary(settings)
    listed = {result.id for result in library.find(ResultQuery()).results}
    for number in range(COUNT):
        name = f"task-{number}"
        if name not in listed:
            library.undo(name)
    found = library.find(ResultQuery()).results
    assert {result.seed for result in found} == set(range(COUNT))
    for result in found:
        assert library.facts(result).task["seed"] == result.seed
        assert library.video(result).with_suffix(".jpg").is_file()
        assert library.video(result).with_suffix(".json").is_file()
    library.close()


def run_and_kill(folder: Path, seed: int, after: float) -> None:
    command = [sys.executable, "-m", "tests.crash.result_crash", str(folder), str(seed)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(after)
        process.kill()


def test_what_a_cut_off_deletion_left_behind_comes_back_together(tmp_path: Path) -> None:
    settings = load_settings(outputs_dir=tmp_path / "outputs", data_dir=tmp_path / "data")
    video = write_video(settings.outputs_dir, "one", metadata(id="one"))
    library = ResultLibrary(settings)
    library.delete("one")
    trash = settings.outputs_dir / ".trash" / "one"
    (trash / "one.json").rename(video.with_suffix(".json"))  # as if only the video had moved
    assert library.video(library.undo("one")) == video
    assert video.with_suffix(".json").is_file() and video.with_suffix(".jpg").is_file()
    library.close()
