"""Input pictures go once nothing needs them and their time is over; real queue, real results."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.support.jobs.scripted_queue import SCRIPTED
from tests.support.result_files import metadata, write_video
from utils import Copies, GenerationTask, JobQueue, ResultLibrary, Settings, load_settings
from wan_lora_studio.ui.forms.housekeeping import Housekeeping
from wan_lora_studio.ui.forms.input_pictures import PictureStore


class House:
    def __init__(self, settings: Settings) -> None:
        self.queue = JobQueue(settings, runner=SCRIPTED)  # never started: jobs wait
        self.results = ResultLibrary(settings)
        self.pictures = PictureStore(settings.data_dir / "pictures")
        self.folder = settings.data_dir / "pictures"
        self.keeping = Housekeeping(
            settings, self.queue, self.results, self.pictures, Copies(settings)
        )

    def picture(self, colour: str, days: float = 31.0) -> Path:
        """A stored picture that was used last so long ago."""
        path = self.pictures.file(self.pictures.add(Image.new("RGB", (32, 32), colour)))
        os.utime(path, (time.time() - days * 86_400,) * 2)
        return path

    def left(self) -> set[Path]:
        return set(self.folder.iterdir())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folders = {f"{name}_dir": tmp_path / name for name in ("loras", "outputs", "data")}
    (tmp_path / "outputs").mkdir()
    return load_settings(**folders)


@pytest.fixture
def house(settings: Settings) -> Iterator[House]:
    house = House(settings)
    yield house
    house.queue.close()
    house.results.close()


def job_with(house: House, picture: Path) -> str:
    task = GenerationTask(model_type="ti2v-5B", prompt="a shape", image=str(picture))
    return house.queue.submit(task).id


def video_from(house: House, picture: Path) -> None:
    sha256 = hashlib.sha256(picture.read_bytes()).hexdigest()
    data = {**metadata(id="made"), "picture": {"name": picture.name, "sha256": sha256}}
    write_video(house.results.root, "made", data)


def test_what_jobs_and_results_need_stays(house: House) -> None:
    used, shown, unused = (house.picture(colour) for colour in ("red", "green", "blue"))
    fresh = house.picture("white", days=1.0)
    job = job_with(house, used)
    video_from(house, shown)
    house.keeping.sweep()
    assert house.left() == {used, shown, fresh} and not unused.exists()
    house.queue.cancel(job)
    house.queue.delete(job)
    house.results.delete("made")
    house.keeping.sweep()
    assert house.left() == {shown, fresh}, "a deleted video can be brought back"
    house.results.trash.empty()
    house.keeping.sweep()
    assert house.left() == {fresh}


def test_a_use_begins_the_time_anew(house: House) -> None:
    picture = house.picture("red")
    house.pictures.cut({"id": picture.stem, "fit": "pad"}, 16, 16)
    house.keeping.sweep()
    assert picture in house.left()


def test_foreign_files_are_left_alone(house: House) -> None:
    house.picture("red")
    other = house.folder / "holiday.png"
    other.write_bytes(b"not ours")
    os.utime(other, (0, 0))
    house.keeping.sweep()
    assert house.left() == {other}


def test_no_picture_goes_while_the_videos_are_out_of_reach(house: House) -> None:
    picture = house.picture("red")
    house.results.root.rmdir()
    house.keeping.sweep()
    assert house.left() == {picture}


def test_zero_days_keep_everything(house: House, settings: Settings) -> None:
    picture = house.picture("red", days=4000)
    changed = settings.model_copy(update={"picture_days": 0.0})
    Housekeeping(changed, house.queue, house.results, house.pictures, Copies(changed)).sweep()
    assert house.left() == {picture}
