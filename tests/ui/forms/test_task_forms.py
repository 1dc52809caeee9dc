"""From the form to a task."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from utils import GenerationError, GenerationTask, RequestError, load_settings
from wan_lora_studio.ui.forms.input_pictures import PictureStore
from wan_lora_studio.ui.forms.task_forms import PartForm, Submission, TaskForms


@pytest.fixture
def pictures(tmp_path: Path) -> PictureStore:
    return PictureStore(tmp_path / "pictures")


def forms(pictures: PictureStore) -> TaskForms:
    return TaskForms(pictures, load_settings())


def task(form: dict[str, object], pictures: PictureStore) -> GenerationTask:
    return forms(pictures).batch(Submission.model_validate(form))[0]


def test_empty_fields_are_left_to_the_model(pictures: PictureStore) -> None:
    made = task({"model_type": "demo", "prompt": "a fox", "steps": None, "seed": ""}, pictures)
    assert made.steps is None and made.seed is None


def test_a_browsers_numbers_are_whole(pictures: PictureStore) -> None:
    form: dict[str, object] = {
        "model_type": "demo",
        "prompt": "a fox",
        "steps": 4.0,
        "seed": " 4294967295",
    }
    made = task(form, pictures)
    assert (made.steps, made.seed) == (4, 4294967295)


def test_an_emptied_negative_prompt_stays_empty(pictures: PictureStore) -> None:
    form: dict[str, object] = {"model_type": "t2v-A14B", "prompt": "a fox", "negative_prompt": ""}
    assert task(form, pictures).negative_prompt == ""


def test_what_is_no_field_of_a_task_is_named(pictures: PictureStore) -> None:
    with pytest.raises(RequestError, match="colour"):
        task({"model_type": "demo", "prompt": "a fox", "colour": "red"}, pictures)


def test_parts_carry_only_what_they_change(pictures: PictureStore) -> None:
    form = Submission.model_validate(
        {
            "task": {"model_type": "demo", "prompt": "a fox", "seed": 3},
            "parts": [
                {"label": "seed 1", "changes": {"seed": 1.0}},
                {"label": "any", "changes": {"seed": None}},
            ],
            "priority": 2,
        }
    )
    _, parts = forms(pictures).batch(form)
    assert [(part.label, part.changes) for part in parts] == [
        ("seed 1", {"seed": 1}),
        ("any", {"seed": None}),
    ]
    assert form.priority == 2


def test_a_picture_is_named_by_id_never_by_path(pictures: PictureStore) -> None:
    key = pictures.add(Image.new("RGBA", (32, 16), "red"))
    made = task({"model_type": "i2v-A14B", "prompt": "it moves", "image": key}, pictures)
    assert made.image is not None
    with Image.open(made.image) as stored:
        assert (stored.size, stored.mode) == ((32, 16), "RGB")
    for wrong in ("/etc/passwd", "../secret", "0" * 32, made.image):
        with pytest.raises(GenerationError, match="picture"):
            task({"model_type": "i2v-A14B", "prompt": "x", "image": wrong}, pictures)


def test_a_picture_is_cut_to_the_size_that_the_video_will_have(pictures: PictureStore) -> None:
    wanted = {"id": pictures.add(Image.new("RGB", (90, 40), "red")), "fit": "pad"}
    entry = load_settings().models["i2v-A14B"]
    base = {"model_type": "i2v-A14B", "prompt": "it moves"}
    usual = (entry.width, entry.height)

    def size(image: object) -> tuple[int, int]:
        with Image.open(str(image)) as stored:
            return stored.size

    assert size(task({**base, "image": wanted}, pictures).image) == usual
    assert size(task({**base, "width": "", "image": wanted}, pictures).image) == usual
    assert size(task({**base, "width": 64.0, "image": wanted}, pictures).image) == (64, usual[1])
    job = {**base, "width": 64, "height": 48}
    makes = forms(pictures)
    assert size(makes.changes({"image": wanted}, job)["image"]) == (64, 48)
    assert size(makes.changes({"image": wanted, "width": None}, job)["image"]) == (usual[0], 48)
    (part,) = makes.parts([PartForm(changes={"image": wanted, "height": 32})], job)
    assert size(part.changes["image"]) == (64, 32)


def test_the_same_picture_is_stored_once(pictures: PictureStore, tmp_path: Path) -> None:
    first, second = (pictures.add(Image.new("RGB", (8, 8), "blue")) for _ in range(2))
    assert first == second
    assert len(list((tmp_path / "pictures").iterdir())) == 1
