"""The README's table of cards: what each row takes there, by the rule that the app goes by."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from tests.support import full_size
from tests.support.paths import ROOT
from wan_lora_studio.model_list.machine import Machine
from wan_lora_studio.settings import Settings, load_settings
from wan_lora_studio.wan.memory import Footprint
from wan_lora_studio.wan.models import decoding_for, placing_for
from wan_lora_studio.wan.task import GenerationTask

GIB, GB = 2**30, 10**9
CLOSE = 0.06  # to which the README's numbers are right
LINE = re.compile(
    r"^\| (\d+) GB \| (\d+) GB \| `([\w.-]+)` \| `python app\.py models download ([\w.-]+)`"
    r" \| ([^|]+) \| ([^|]+) \|$",
    re.MULTILINE,
)
SIZES = ((832, 480), (1280, 720))


@dataclass(frozen=True)
class Line:
    card: int
    memory: int
    row: str
    said: tuple[str, str]


def lines() -> list[Line]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = []
    for card, memory, row, command, *said in LINE.findall(text):
        assert row == command
        found.append(Line(int(card), int(memory), row, (said[0], said[1])))
    return found


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return load_settings(models_dir=tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def footprints(settings: Settings) -> dict[str, Footprint]:
    rows = {each.row for each in lines()}
    rows |= {row.replace("t2v-A14B", "i2v-A14B") for row in rows}
    found = {}
    for row in rows:
        full_size.install(settings, row)
        precision, files = settings.model(row).precision, settings.weight_files(row)
        found[row] = Footprint.of(settings.model_folder(row), precision, files)
    return found


def takes(line: Line, size: tuple[int, int], found: Footprint, frames: int) -> str:
    """In GB, on the GPU and on the host; "no" where one of them does not hold it."""
    width, height = size
    task = GenerationTask(
        model_type=line.row, prompt="", width=width, height=height, num_frames=frames
    )
    room = Machine(line.card * GIB, line.memory * GIB, 0).room
    needs = found.needs(task, 2)
    placing = placing_for("auto", needs, room)
    how = decoding_for(needs, placing.offload, room.gpu, room.host)
    on_gpu, on_host = (
        needs.on_gpu(placing.offload, how),
        needs.on_host(placing.offload, room.memory),
    )
    if on_gpu > room.gpu or on_host > room.host:
        return "no"
    return f"{on_gpu / GB:.1f} + {on_host / GB:.1f} GB"


def is_close(said: str, computed: str) -> bool:
    if "no" in (said, computed):
        return said == computed
    pairs = zip(re.findall(r"[\d.]+", said), re.findall(r"[\d.]+", computed), strict=True)
    return all(float(one) == pytest.approx(float(other), rel=CLOSE) for one, other in pairs)


def test_the_table_has_a_line_for_each_size_of_card() -> None:
    assert [line.card for line in lines()] == [8, 8, 8, 12, 12, 16, 24, 32, 48, 80]


@pytest.mark.parametrize("line", lines(), ids=lambda line: f"{line.card} GB {line.row}")
@pytest.mark.parametrize("task", ["t2v", "i2v"])
def test_its_numbers_are_what_the_app_foresees(
    line: Line, task: str, settings: Settings, footprints: dict[str, Footprint]
) -> None:
    row = line.row.replace("t2v-A14B", f"{task}-A14B")
    entry = settings.model(row)
    large = (1280, 704) if entry.size_multiple == 32 else SIZES[1]
    computed = tuple(
        takes(line, size, footprints[row], entry.num_frames) for size in (SIZES[0], large)
    )
    assert all(map(is_close, line.said, computed)), f"the README should say {computed}"


def test_the_rows_that_are_named_are_there(settings: Settings) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    real = text.partition("## The real models")[2].partition("\n## ")[0]
    named = re.findall(r"models download ([\w.-]+)|--model ([\w.-]+)", real)
    assert {name for pair in named for name in pair if name} <= set(settings.models)
