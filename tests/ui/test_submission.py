"""From the form to a task."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from ui.pictures import PictureStore
from ui.submission import task_from_form
from utils import GenerationError, GenerationTask, LoRAManager, LoRANotFoundError, load_settings


@pytest.fixture
def loras(tmp_path: Path) -> LoRAManager:
    return LoRAManager(load_settings(loras_dir=tmp_path / "loras", data_dir=tmp_path / "data"))


@pytest.fixture
def pictures(tmp_path: Path) -> PictureStore:
    return PictureStore(tmp_path / "pictures")


def task(form: dict[str, object], loras: LoRAManager, pictures: PictureStore) -> GenerationTask:
    return task_from_form(form, loras, pictures)


def test_empty_fields_mean_the_models_values(loras: LoRAManager, pictures: PictureStore) -> None:
    form: dict[str, object] = {"model_type": "demo", "prompt": "a fox", "steps": None, "seed": ""}
    made = task(form, loras, pictures)
    assert made.steps == load_settings().models["demo"].steps
    assert made.seed is not None


def test_a_browsers_numbers_are_whole(loras: LoRAManager, pictures: PictureStore) -> None:
    form: dict[str, object] = {
        "model_type": "demo",
        "prompt": "a fox",
        "steps": 4.0,
        "seed": " 4294967295",
    }
    made = task(form, loras, pictures)
    assert (made.steps, made.seed) == (4, 4294967295)


def test_an_emptied_negative_prompt_stays_empty(loras: LoRAManager, pictures: PictureStore) -> None:
    form: dict[str, object] = {"model_type": "t2v-A14B", "prompt": "a fox", "negative_prompt": ""}
    assert task(form, loras, pictures).negative_prompt == ""


def test_every_problem_is_named_at_once(loras: LoRAManager, pictures: PictureStore) -> None:
    form: dict[str, object] = {"model_type": "demo", "prompt": " ", "width": 130, "seed": "seven"}
    with pytest.raises(GenerationError) as caught:
        task(form, loras, pictures)
    for part in ("prompt", "width", "seed"):
        assert part in caught.value.message


def test_a_lora_that_is_gone_is_named(loras: LoRAManager, pictures: PictureStore) -> None:
    form = {"model_type": "demo", "prompt": "a fox", "selected_loras": {"gone": 1.0}}
    with pytest.raises(LoRANotFoundError, match="gone"):
        task(form, loras, pictures)


def test_a_picture_is_named_by_id_never_by_path(loras: LoRAManager, pictures: PictureStore) -> None:
    key = pictures.add(Image.new("RGBA", (32, 16), "red"))
    made = task({"model_type": "i2v-A14B", "prompt": "it moves", "image": key}, loras, pictures)
    assert made.image is not None
    with Image.open(made.image) as stored:
        assert (stored.size, stored.mode) == ((32, 16), "RGB")
    for wrong in ("/etc/passwd", "../secret", "0" * 32, made.image):
        with pytest.raises(GenerationError, match="picture"):
            task({"model_type": "i2v-A14B", "prompt": "x", "image": wrong}, loras, pictures)


def test_the_same_picture_is_stored_once(pictures: PictureStore, tmp_path: Path) -> None:
    first, second = (pictures.add(Image.new("RGB", (8, 8), "blue")) for _ in range(2))
    assert first == second
    assert len(list((tmp_path / "pictures").iterdir())) == 1
