"""The demo model, loaded once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from diffusers import WanPipeline

from demo.paths import Paths


@pytest.fixture(scope="session")
def demo_paths() -> Paths:
    return Paths()


@pytest.fixture(scope="session")
def demo_pipeline(demo_paths: Paths) -> Iterator[WanPipeline]:
    with torch.no_grad():
        yield WanPipeline.from_pretrained(demo_paths.model)
