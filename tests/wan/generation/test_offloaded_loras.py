"""LoRAs on a model whose weights move: run after run as on one whose weights stay."""

from __future__ import annotations

import functools
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from tests.support.loras import weights as lora_weights
from tests.support.offloading import STORAGES, moves_make_copies, weights_hash
from tests.support.studio import Studio, decoded
from wan_lora_studio.settings import Settings
from wan_lora_studio.wan.models.loading import ModelManager

pytestmark = pytest.mark.slow  # it makes many videos

Frames = np.ndarray[Any, Any]
SCHEDULE = [[0.0, 0.2], [0.5, 1.5]]


def runs(own: str) -> tuple[dict[str, Any], ...]:
    """From none to a LoRA, to others, to other strengths, to schedules, and back to none.

    `own` changes layers of every kind: norms, biases, the patch embedding.
    """
    return (
        {},
        {own: 1.0},
        {"lokr": 0.8, "combined": {"high": 0.5, "low": 1.0}},
        {"lokr": 0.3, "combined": {"high": 1.0, "low": -0.5}},
        {own: SCHEDULE, "lokr": 0.3},
        {own: -1.0},
        {},
    )


KINDS = ("t2v", "i2v", "ti2v")


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("picture") / "blue.png"
    Image.new("RGB", (32, 32), (20, 20, 200)).save(path)
    return path


@pytest.fixture(scope="module")
def settings(studio_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """With a library in which each kind of model has an accelerator of its own."""
    folder = tmp_path_factory.mktemp("library")
    for name in ("lokr", "combined"):
        shutil.copy(studio_settings.loras_dir / f"{name}.safetensors", folder)
    for kind in KINDS:
        model = ModelManager(studio_settings).load(kind).pipeline.transformer
        shapes = {name: tuple(value.shape) for name, value in model.named_parameters()}
        lora_weights.accelerator_file(shapes).save(folder / f"{kind}.safetensors")
    return studio_settings.model_copy(update={"loras_dir": folder})


@pytest.fixture(scope="module")
def resident(settings: Settings, picture: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """kind -> the frames of each run where the weights stay."""

    @functools.cache
    def frames(kind: str) -> list[Frames]:
        studio = fresh(settings, tmp_path_factory.mktemp("resident"), "runtime")
        loaded(studio, kind)
        return list(videos(studio, kind, picture))

    return frames


@pytest.fixture
def moving(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    """A studio in which moving a model makes copies."""
    moves_make_copies(monkeypatch)
    return fresh(settings, tmp_path, "auto")


def fresh(settings: Settings, folder: Path, mode: str) -> Studio:
    own = settings.model_copy(update={"outputs_dir": folder / "outputs", "lora_mode": mode})
    return Studio(own, ModelManager(own))


def loaded(studio: Studio, kind: str) -> Any:
    """The pipeline, in memory that is aligned as moves will align it: sums depend on that."""
    pipeline = studio.models.load(kind).pipeline
    for part in pipeline.components.values():
        if isinstance(part, nn.Module):
            part._apply(torch.clone)
    return pipeline


def videos(studio: Studio, kind: str, picture: Path) -> Any:
    image = None if kind == "t2v" else str(picture)
    for selection in runs(kind):
        result = studio.run(model_type=kind, image=image, selected_loras=selection, steps=4)
        assert all(report["outcome"] == "applied" for report in result.loras.values())
        yield decoded(result.video_path)


@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_run_is_as_where_the_weights_stay(
    kind: str, storage: str, resident: Any, moving: Studio, picture: Path
) -> None:
    wanted = resident(kind)
    assert not np.array_equal(wanted[0], wanted[1])
    pipeline = loaded(moving, kind)
    before = weights_hash(pipeline)
    STORAGES[storage](pipeline)
    for number, found in enumerate(videos(moving, kind, picture)):
        assert np.array_equal(found, wanted[number]), runs(kind)[number]
        assert weights_hash(pipeline) == before, runs(kind)[number]


@pytest.mark.parametrize("mode", ["merge", "runtime"])
@pytest.mark.parametrize("storage", STORAGES)
def test_a_pipeline_that_is_run_in_inference_mode(storage: str, mode: str, moving: Studio) -> None:
    """As scripts do; the hooks' moves then leave tensors that only inference mode may write."""
    pipeline = loaded(moving, "t2v")
    before = weights_hash(pipeline)
    bare = latents(pipeline)
    STORAGES[storage](pipeline)
    selection = {"t2v": 1.0, "lokr": 0.5}
    found = []
    for _ in range(2):
        assert torch.equal(latents(pipeline), bare)
        with moving.loras.applied(pipeline, selection, mode) as stack:
            found.append(latents(pipeline))
            stack.change(moving.loras.stack_items({"t2v": -0.5}))
            found.append(latents(pipeline))
        assert weights_hash(pipeline) == before
    assert torch.equal(found[0], found[2]) and torch.equal(found[1], found[3])
    assert not torch.equal(found[0], bare) and not torch.equal(found[1], bare)


def latents(pipeline: Any) -> torch.Tensor:
    with torch.inference_mode():
        made: torch.Tensor = pipeline(
            "a shape", width=32, height=32, num_frames=1, num_inference_steps=2,
            guidance_scale=2.0, output_type="latent", return_dict=False,
            generator=torch.Generator().manual_seed(1),
        )[0]  # fmt: skip
    pipeline.maybe_free_model_hooks()
    return made.clone()
