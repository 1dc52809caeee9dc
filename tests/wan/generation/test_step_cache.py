"""The first-block cache: only when it is asked for, named, and gone after each run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diffusers.models.transformers.transformer_wan import WanTransformerBlock

from tests.support.studio import Studio, decoded
from wan_lora_studio.settings import Settings
from wan_lora_studio.wan.generation.video_file import read_metadata
from wan_lora_studio.wan.models.loading import ModelManager

pytestmark = pytest.mark.slow  # it makes many videos


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Grows with each block that is computed."""
    computed: list[int] = []
    ffn = WanTransformerBlock.__init__

    def counted(block: Any, *arguments: Any, **options: Any) -> None:
        ffn(block, *arguments, **options)
        block.ffn.register_forward_hook(lambda *_: computed.append(1))

    monkeypatch.setattr(WanTransformerBlock, "__init__", counted)
    return computed


def studio_with(settings: Settings, folder: Path, **changes: Any) -> Studio:
    own = settings.model_copy(update={"outputs_dir": folder, "data_dir": folder, **changes})
    return Studio(own, ModelManager(own))


TASK: dict[str, Any] = {"steps": 6, "selected_loras": {"lokr": 0.5, "combined": 1.0}}


def test_it_leaves_blocks_out_and_is_named(
    studio_settings: Settings, tmp_path: Path, blocks: list[int]
) -> None:
    found = {}
    for threshold in (0.0, 1e-9, 1.0):
        blocks.clear()
        studio = studio_with(studio_settings, tmp_path, first_block_cache=threshold)
        result = studio.run(**TASK)
        environment = read_metadata(Path(result.video_path))["environment"]
        assert environment["first_block_cache"] == threshold
        found[threshold] = len(blocks), decoded(result.video_path)
    assert found[1e-9][0] == found[0.0][0]
    assert np.array_equal(found[1e-9][1], found[0.0][1])
    assert found[1.0][0] < found[0.0][0]


def test_no_run_sees_what_another_kept(studio_settings: Settings, tmp_path: Path) -> None:
    studio = studio_with(studio_settings, tmp_path, first_block_cache=1.0)
    first = decoded(studio.run(**TASK).video_path)
    studio.run(**{**TASK, "seed": 9})
    assert np.array_equal(decoded(studio.run(**TASK).video_path), first)
    pipeline = studio.models.load("t2v").pipeline
    assert not pipeline.transformer.is_cache_enabled and not pipeline.transformer_2.is_cache_enabled
