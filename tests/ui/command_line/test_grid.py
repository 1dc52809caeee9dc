"""Grids from the shell: how axes are written, what is told, what a second command makes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import app
from tests.support.jobs.scripted_queue import SCRIPTED, task, wait_for_state
from tests.support.paths import ROOT
from tests.support.result_files import metadata, write_video
from utils import JobQueue, load_settings
from wan_lora_studio.ui.command_line.grid_axes import parse_axis_argument


@pytest.mark.parametrize(
    ("text", "of", "lora", "values"),
    [
        ("seed=1, 2,3", "seed", None, [1, 2, 3]),
        ("seed=4-6,9", "seed", None, [4, 5, 6, 9]),
        ("steps=10", "steps", None, [10]),
        ("strength:style=-0.5,0,1", "strength", "style", [-0.5, 0.0, 1.0]),
        ("strength:a=b=0,1", "strength", "a=b", [0.0, 1.0]),
        ("lora:style=style_e10,None", "lora", "style", ["style_e10", None]),
        ("lora=a,b|c", "lora", None, ["a,b", "c"]),
        ("expert:style=both,low", "expert", "style", ["both", "low"]),
        ("loras=with,without", "loras", None, ["with", "without"]),
        ("accelerator=none,fast", "accelerator", None, [None, "fast"]),
        ("prompt=a cat, x=1|a dog", "prompt", None, ["a cat, x=1", "a dog"]),
        ("prompt=a cat, a dog", "prompt", None, ["a cat, a dog"]),
    ],
)
def test_an_axis_as_it_is_written(text: str, of: str, lora: str | None, values: Any) -> None:
    assert parse_axis_argument(text) == {"of": of, "lora": lora, "values": values}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--grid-x", "seed"], "is no axis; write KIND="),
        (["--grid-x", "seed=one"], "'one' is not a whole number"),
        (["--grid-x", "strength=1"], "names no LoRA"),
        (["--grid-x", "strength:=1"], "is no axis"),
        (["--grid-x", "colour=red"], "colour"),
        (["--grid-y", "seed=1"], "--grid-y goes with --grid-x"),
        (["--plan"], "--plan goes with --grid-x"),
    ],
)
def test_a_wrong_axis_is_wrong_usage(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        app.main(["generate", "--prompt", "x", *arguments])
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


@pytest.fixture
def folders(tmp_path: Path) -> list[str]:
    shutil.copytree(ROOT / "loras", tmp_path / "loras", ignore=shutil.ignore_patterns(".*"))
    names = ("loras", "outputs", "data")
    found = [[f"--{name}-dir", str(tmp_path / name)] for name in names]
    return [argument for pair in found for argument in pair]


def test_the_cost_is_told_and_nothing_made(
    tmp_path: Path, folders: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = ["generate", *folders, "--grid-x", "prompt=a cat|a dog|a fox", "--plan"]
    assert app.main(wanted) == 0
    told = capsys.readouterr().out
    assert told.startswith("3 videos. No video of this model was made here yet")
    queue = JobQueue(load_settings(data_dir=tmp_path / "data"), runner=SCRIPTED)
    queue.start()
    try:
        wait_for_state(queue, queue.submit(task("quick", steps=1)).id, "done")
    finally:
        queue.close()
    # That run took 0.1 s for one step.
    assert app.main([*wanted, "--grid-y", "seed=1,2", "--steps", "100"]) == 0
    told = capsys.readouterr().out
    assert told == "6 videos (3 × 2). About 1 min, by earlier runs here.\n"
    assert not (tmp_path / "outputs").exists()


def test_what_keeps_a_grid_from_being_run_is_told(
    folders: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    axes = ["--grid-x", "steps=1,2", "--grid-y", "accelerator=none,lightning_4step"]
    assert app.main(["generate", *folders, "--prompt", "x", *axes]) == 1
    assert "Both axes change the steps." in capsys.readouterr().err
    assert app.main(["generate", *folders, "--prompt", "x", *axes[:2], "--out", "x.mp4"]) == 1
    assert "--out must be a folder" in capsys.readouterr().err


@pytest.mark.slow  # makes videos
def test_the_same_command_goes_on_with_what_is_missing(
    tmp_path: Path, folders: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--width", "64", "--height", "64", "--frames", "1", "--steps", "1"]
    wanted = ["generate", *folders, "--prompt", "a red circle", *small, "--out"]
    out = tmp_path / "circles"
    axes = ["--grid-x", "strength:golden_hour=0,1", "--grid-y", "steps=1,2"]
    assert app.main([*wanted, str(out), *axes]) == 0
    videos = sorted(out.glob("0*.mp4"))
    assert [video.stem for video in videos] == [
        "001-golden-hour-0-1-step",
        "002-golden-hour-1-1-step",
        "003-golden-hour-0-2-steps",
        "004-golden-hour-1-2-steps",
    ]
    assert (out / "grid.png").read_bytes().startswith(b"\x89PNG")
    assert (out / "grid.mp4").read_bytes()[4:8] == b"ftyp"
    seed = json.loads((out / "grid.json").read_text())["task"]["seed"]
    first = videos[0].stat().st_mtime_ns
    for ending in (".mp4", ".json", ".jpg"):
        videos[2].with_suffix(ending).unlink()
    capsys.readouterr()
    assert app.main([*wanted, str(out), *axes]) == 0
    assert "4 videos (2 × 2). 3 of them are there already." in capsys.readouterr().out
    again = json.loads(videos[2].with_suffix(".json").read_text())["task"]
    assert (again["seed"], again["steps"]) == (seed, 2)
    assert videos[0].stat().st_mtime_ns == first
    assert app.main([*wanted, str(out), *axes[:2]]) == 1
    assert "holds another grid" in capsys.readouterr().err


def test_a_folder_of_another_grid_is_left_alone(
    tmp_path: Path, folders: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine"
    write_video(out, "holiday", metadata())
    (out / "grid.json").write_text("{}")
    wanted = ["generate", *folders, "--prompt", "x", "--grid-x", "seed=1,2", "--out", str(out)]
    assert app.main(wanted) == 1
    assert "holds another grid; nothing was made" in capsys.readouterr().err
    assert (out / "grid.json").read_text() == "{}"
