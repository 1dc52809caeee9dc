"""A hub that the command and the routes reach as a user's settings would have it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from huggingface_hub import constants

from tests.support.hub import REPO, FakeHub, model_files, serving


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with serving(FakeHub(REPO, model_files(400_000))) as served:
        monkeypatch.setattr(constants, "ENDPOINT", served.url)
        yield served
