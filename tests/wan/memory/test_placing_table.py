"""What `auto` chooses for the real models on the cards and computers that people own.

The folders have the headers of the real weights and no values. Each cell of `ON_GPU` says where the
weights wait and the foreseen peak on the GPU in GB; then `a`: the other parts leave it for
decoding, `t`: decoding in tiles, `!`: the peak is more than is free, so that the run warns and is
tried all the same. The columns are GPUs of so many GiB, of which the driver has taken half a GB.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.support.full_size import install
from wan_lora_studio.settings import Precision, load_settings
from wan_lora_studio.wan.memory.footprint import Footprint, Forecast
from wan_lora_studio.wan.models import Decoding, Room, placing_for
from wan_lora_studio.wan.task import GenerationTask

GB, GIB = 10**9, 1 << 30
DRIVER, SYSTEM = GB // 2, 4 * GB  # bytes that are taken of the GPU, and of the computer's memory
GPUS = (8, 12, 16, 24, 32, 48, 80, 141)
MEMORIES = (32, 64, 96, 128)
SIZES = {"480p": (832, 480), "720p": (1280, 720)}
FRAMES = {"ti2v-5B": 121}

ON_GPU = """
t2v-A14B        bf16 480p | group 6.6 t   | group 8.9     | group 8.9      | group 8.9      | group 8.9    | model 33.3     | none 77.9    | none 77.9
t2v-A14B        bf16 720p | group 12.7 t! | group 12.7 t! | group 12.7 t   | group 20.4     | group 20.4   | model 39.4     | encoder 78.1 | none 89.4
t2v-A14B        fp8  480p | group 5.6 t   | group 8.9     | group 8.9      | model 19.0     | model 19.0   | encoder 37.9   | none 49.3    | none 49.3
t2v-A14B        fp8  720p | group 11.8 t! | group 11.8 t  | group 11.8 t   | group 20.4     | model 25.1   | encoder 39.9 a | none 60.8    | none 60.8
i2v-A14B        bf16 480p | group 6.6 t   | group 8.9     | group 8.9      | group 8.9      | group 8.9    | model 33.3     | none 77.9    | none 77.9
i2v-A14B        bf16 720p | group 12.7 t! | group 12.7 t! | group 12.7 t   | group 20.4     | group 20.4   | model 39.4     | encoder 78.1 | none 89.4
i2v-A14B        fp8  480p | group 5.6 t   | group 8.9     | group 8.9      | model 19.0     | model 19.0   | encoder 37.9   | none 49.3    | none 49.3
i2v-A14B        fp8  720p | group 11.8 t! | group 11.8 t  | group 11.8 t   | group 20.4     | model 25.1   | encoder 39.9 a | none 60.8    | none 60.8
ti2v-5B         bf16 480p | group 4.2 t   | group 9.0     | model 12.5     | encoder 21.6   | encoder 21.6 | none 33.0      | none 33.0    | none 33.0
ti2v-5B         bf16 720p | group 6.7 t   | group 6.7 t   | model 15.6 t   | encoder 23.1 a | none 29.8 a  | none 44.4      | none 44.4    | none 44.4
ti2v-5B         fp8  480p | group 4.2 t   | model 11.6    | encoder 12.0 a | encoder 16.6   | none 28.0    | none 28.0      | none 28.0    | none 28.0
ti2v-5B         fp8  720p | group 6.7 t   | model 11.4 t  | encoder 14.3 t | encoder 23.1 a | encoder 28.1 | none 39.4      | none 39.4    | none 39.4
wan2.1-t2v-1.3B bf16 480p | encoder 7.5 t | encoder 9.4 a | encoder 12.2   | none 23.6      | none 23.6    | none 23.6      | none 23.6    | none 23.6
wan2.1-t2v-1.3B bf16 720p | encoder 7.7 t | encoder 7.7 t | encoder 7.7 t  | encoder 23.7   | encoder 23.7 | none 35.1      | none 35.1    | none 35.1
wan2.1-t2v-1.3B fp8  480p | encoder 6.1 t | encoder 10.8  | encoder 10.8   | none 22.1      | none 22.1    | none 22.1      | none 22.1    | none 22.1
wan2.1-t2v-1.3B fp8  720p | encoder 6.3 t | encoder 6.3 t | encoder 6.3 t  | encoder 22.3   | encoder 22.3 | none 33.7      | none 33.7    | none 33.7
"""  # noqa: E501
# The most weights in the computer's own memory in GB, by where they wait; `!`: more than there is,
# which is refused. What stays on the GPU is read part by part. The columns are GiB of memory.
ON_HOST = """
t2v-A14B        bf16 group   | 29.1   | 40.4   | 69.0   | 69.0
t2v-A14B        bf16 model   | 29.1   | 40.4   | 69.0   | 69.0
t2v-A14B        bf16 none    | 28.6   | 28.6   | 28.6   | 28.6
t2v-A14B        bf16 encoder | 28.6   | 28.6   | 28.6   | 28.6
t2v-A14B        fp8  group   | 14.8   | 40.4   | 40.4   | 40.4
t2v-A14B        fp8  model   | 14.8   | 40.4   | 40.4   | 40.4
t2v-A14B        fp8  encoder | 14.3   | 14.3   | 14.3   | 14.3
t2v-A14B        fp8  none    | 14.3   | 14.3   | 14.3   | 14.3
i2v-A14B        bf16 group   | 29.1   | 40.4   | 69.0   | 69.0
i2v-A14B        bf16 model   | 29.1   | 40.4   | 69.0   | 69.0
i2v-A14B        bf16 none    | 28.6   | 28.6   | 28.6   | 28.6
i2v-A14B        bf16 encoder | 28.6   | 28.6   | 28.6   | 28.6
i2v-A14B        fp8  group   | 14.8   | 40.4   | 40.4   | 40.4
i2v-A14B        fp8  model   | 14.8   | 40.4   | 40.4   | 40.4
i2v-A14B        fp8  encoder | 14.3   | 14.3   | 14.3   | 14.3
i2v-A14B        fp8  none    | 14.3   | 14.3   | 14.3   | 14.3
ti2v-5B         bf16 group   | 24.2   | 24.2   | 24.2   | 24.2
ti2v-5B         bf16 model   | 24.2   | 24.2   | 24.2   | 24.2
ti2v-5B         bf16 encoder | 11.4   | 11.4   | 11.4   | 11.4
ti2v-5B         bf16 none    | 11.4   | 11.4   | 11.4   | 11.4
ti2v-5B         fp8  group   | 19.2   | 19.2   | 19.2   | 19.2
ti2v-5B         fp8  model   | 19.2   | 19.2   | 19.2   | 19.2
ti2v-5B         fp8  encoder | 11.4   | 11.4   | 11.4   | 11.4
ti2v-5B         fp8  none    | 11.4   | 11.4   | 11.4   | 11.4
wan2.1-t2v-1.3B bf16 encoder | 11.4   | 11.4   | 11.4   | 11.4
wan2.1-t2v-1.3B bf16 none    | 11.4   | 11.4   | 11.4   | 11.4
wan2.1-t2v-1.3B fp8  encoder | 11.4   | 11.4   | 11.4   | 11.4
wan2.1-t2v-1.3B fp8  none    | 11.4   | 11.4   | 11.4   | 11.4
"""


@cache
def footprint(folder: Path, kind: str, precision: Precision) -> Footprint:
    settings = load_settings(models_dir=folder)
    there = settings.model_folder(kind)
    if not there.exists():
        install(settings, kind)
    return Footprint.of(there, precision)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


def forecast(found: Footprint, kind: str, size: str, gpu: int, memory: int) -> Forecast:
    """As the page and the worker make it, of a computer without swap."""
    width, height = SIZES[size]
    task = GenerationTask(
        model_type="x", prompt="", width=width, height=height, num_frames=FRAMES.get(kind, 81)
    )
    room = Room(gpu * GIB - DRIVER, memory * GIB - SYSTEM, memory * GIB)
    placed = placing_for("auto", found.needs(task, 2), room).offload
    return Forecast(
        task, found, room.gpu, placed=placed, offload="auto", host=room.host, memory=room.memory
    )


def rows(table: str) -> Iterator[tuple[list[str], list[str]]]:
    for line in table.strip().splitlines():
        head, *cells = (each.strip() for each in line.split("|"))
        yield head.split(), cells


def on_gpu(known: Forecast) -> str:
    marks = {
        "a": known.decoding.alone, "t": known.decoding.tiled, "!": known.needed > known.available,
    }  # fmt: skip
    told = "".join(mark for mark, there in marks.items() if there)
    return f"{known.placed} {known.needed / GB:.1f} {told}".strip()


def on_host(known: Forecast) -> str:
    too_much = known.host_needed > known.memory
    return f"{known.host_needed / GB:.1f}{' !' if too_much else ''}"


@pytest.mark.parametrize("row", rows(ON_GPU), ids=lambda row: "-".join(row[0]))
def test_what_is_chosen_and_foreseen_on_the_gpu(
    row: tuple[list[str], list[str]], folder: Path
) -> None:
    (kind, precision, size), cells = row
    found = footprint(folder, kind, precision)  # type: ignore[arg-type]
    for memory in MEMORIES:
        known = [forecast(found, kind, size, gpu, memory) for gpu in GPUS]
        assert [on_gpu(each) for each in known] == cells, memory


def test_what_is_foreseen_on_the_host(folder: Path) -> None:
    expected = {tuple(head): cells for head, cells in rows(ON_HOST)}
    seen = set()
    for (kind, precision, size), _ in rows(ON_GPU):
        found = footprint(folder, kind, precision)  # type: ignore[arg-type]
        for gpu in GPUS:
            known = [forecast(found, kind, size, gpu, memory) for memory in MEMORIES]
            way = (kind, precision, known[0].placed)
            assert [on_host(each) for each in known] == expected[way], (way, gpu)
            seen.add(way)
    assert seen == set(expected)


def test_nothing_is_refused_where_a_block_and_what_it_computes_fit(folder: Path) -> None:
    """Nor where they do not: activations are an estimate, and the run is tried."""
    for (kind, precision, size), _ in rows(ON_GPU):
        found = footprint(folder, kind, precision)  # type: ignore[arg-type]
        for gpu in GPUS:
            known = forecast(found, kind, size, gpu, 128)
            assert known.weights_alone <= known.available and known.host_needed <= known.memory
            one_block = known.needs.on_gpu("group", Decoding(tiled=True))
            assert known.fits or one_block > known.available, (kind, size, gpu)
