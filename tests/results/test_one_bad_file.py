"""One bad video costs one entry of the gallery: the others are listed, also after a restart."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.result_files import WANGP, metadata, write_video
from wan_lora_studio.results.library import ResultLibrary
from wan_lora_studio.results.query import ResultQuery
from wan_lora_studio.settings import Settings, load_settings
from wan_lora_studio.ui.http.result_models import ResultDetails, ResultItem


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


DATA: dict[str, dict[str, Any]] = {
    "deep strengths": metadata() | {"task": metadata()["task"] | {"selected_loras": nested(300)}},
    "levels that are read": metadata(selected_loras={"a": nested(40)}),
    "a deep report": metadata(loras=nested(300)),
    "WanGP's settings, deep": WANGP | {"more": nested(300)},
    "a long seed": metadata(seed=10**99),
    "a long size": metadata() | {"frames_shape": [10**99, 10**99, 10**99]},
    "a long time": metadata() | {"created": 10**99},
    "no text where texts are": metadata(prompt=[], model_type=[], id={}, selected_loras=[]),
    "reports that are none": metadata(loras={"a": 1}, selected_loras={"a": [[1, 2, 3]]}),
}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(outputs_dir=tmp_path / "outputs", data_dir=tmp_path / "data")


@pytest.fixture(params=[False, True], ids=["now", "after a restart"])
def library(request: pytest.FixtureRequest, settings: Settings) -> Iterator[ResultLibrary]:
    found = ResultLibrary(settings)
    if request.param:
        found.find(ResultQuery())
        found.close()
        found = ResultLibrary(settings)
    yield found
    found.close()


def listed(library: ResultLibrary) -> list[str]:
    """What the gallery shows, as the page gets it."""
    page = library.find(ResultQuery())
    for result in page.results:
        item = ResultItem.of(result)
        facts = library.facts(result)
        details = ResultDetails(
            **item.model_dump(), task=dict(facts.task), result=dict(facts.metadata), filename="a"
        )
        json.loads(details.model_dump_json())
    return [Path(result.path).stem for result in page.results]


@pytest.mark.parametrize("way", DATA)
def test_a_bad_video(way: str, library: ResultLibrary) -> None:
    write_video(library.root, "bad", DATA[way])
    write_video(library.root, "sound", metadata(id="sound"))
    library.refresh()
    assert "sound" in listed(library)
    assert not library.trash.entries()
    assert library.names()["models"]
