"""The extension judges by the host's pipeline, also by one that comes later or is exchanged."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from lora_ui.extension import LoRAExtension
from tests.support.loras.variants import lora_for
from tests.support.model_kinds import KINDS, image_model, pipeline_of, vace_model
from tests.support.tiny_models import tiny_transformer
from wan_lora_studio.errors import LoRAError, SettingsError

NAMES = ("2.1 t2v", "2.1 i2v", "vace")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LoRAs for every layer of three kinds of model."""
    found = tmp_path_factory.mktemp("host") / "loras"
    found.mkdir()
    for name in NAMES:
        lora_for(KINDS[name]().transformer).save(found / f"{name}.safetensors")
    return found


class Page:
    """What an open page of the extension does: it polls, and reads what is new."""

    def __init__(self, lora: LoRAExtension) -> None:
        self.lora = lora
        self.status: dict[str, Any] = {}
        self.reads = 0
        self.verdicts: dict[str, str] = {}

    def poll(self) -> dict[str, str]:
        with TestClient(self.lora.sub_app) as client:
            answer = client.get("/api/status", params={"rev": self.status.get("rev", "")})
            if answer.status_code == 204:
                return self.verdicts
            told = answer.json()
            if told["library"] != self.status.get("library"):
                self.reads += 1
                self.verdicts = self._read(client)
            self.status = told
        return self.verdicts

    def _read(self, client: TestClient) -> dict[str, str]:
        data = client.get("/api/loras/cards").json()
        (model,) = data["models"]
        fits, verdicts = data["fits"], data["verdicts"]
        return {
            card["name"]: verdicts[fits[card["fit"]][model["model_type"]]]["verdict"]
            for card in data["loras"]
        }


@pytest.fixture
def lora(folder: Path) -> Iterator[LoRAExtension]:
    yield LoRAExtension(folder, pipeline=KINDS["2.1 i2v"]())


def test_cards_follow_a_transformer_that_the_host_exchanges(lora: LoRAExtension) -> None:
    page = Page(lora)
    assert page.poll() == {"2.1 t2v": "fits", "2.1 i2v": "fits", "vace": "partly"}
    page.poll()
    assert page.reads == 1
    lora.pipeline.transformer = tiny_transformer(8)  # in place, as who loads another file does
    assert page.poll() == {"2.1 t2v": "fits", "2.1 i2v": "partly", "vace": "partly"}
    lora.pipeline.transformer = None
    assert set(page.poll().values()) == {"unknown"}
    lora.pipeline.transformer = image_model(seed=3)
    assert page.poll()["2.1 i2v"] == "fits"
    assert page.reads == 4


def test_cards_follow_another_pipeline(lora: LoRAExtension) -> None:
    page = Page(lora)
    page.poll()
    lora.pipeline = pipeline_of("WanVACEPipeline", vace_model())
    assert page.poll() == {"2.1 t2v": "fits", "2.1 i2v": "partly", "vace": "fits"}


def test_a_pipeline_that_comes_later_replaces_the_model_that_was_named(folder: Path) -> None:
    lora = LoRAExtension(folder, model_type="ti2v-5B")
    page = Page(lora)
    assert set(page.poll().values()) == {"no"}
    lora.pipeline = KINDS["2.1 t2v"]()
    assert page.poll()["2.1 t2v"] == "fits"
    assert list(lora.loras.settings.models) == ["ti2v-5B"]  # the host's name for it
    lora.pipeline = None
    assert set(page.poll().values()) == {"no"}


def test_a_host_may_have_a_name_of_its_own_for_the_model(folder: Path) -> None:
    lora = LoRAExtension(folder, KINDS["2.1 t2v"](), "our-model")
    assert list(lora.loras.settings.models) == ["our-model"]
    with pytest.raises(SettingsError):
        LoRAExtension(folder, model_type="our-model")


def test_another_library_is_judged_by_the_same_pipeline(
    lora: LoRAExtension, folder: Path, tmp_path: Path
) -> None:
    lora_for(vace_model()).save(tmp_path / "moved.safetensors")
    lora.loras_dir = tmp_path
    assert Page(lora).poll() == {"moved": "partly"}


def test_what_is_applied_is_as_it_was_said(lora: LoRAExtension) -> None:
    for name in NAMES:
        model = lora.loras.settings.default_model
        said = lora.loras.explain_compatibility(name, model)
        with lora.applied(lora.pipeline, {name: 1.0}) as report:
            done = report.loras[name]
        assert done["coverage"] == said.to_dict()["coverage"]
        assert done["ignored"].keys() == said.ignored.keys()
        assert (said.verdict == "fits") == (not done["ignored"])


def test_a_pipeline_without_its_transformer_is_refused_in_words(lora: LoRAExtension) -> None:
    lora.pipeline.transformer = None
    with (
        pytest.raises(LoRAError, match="no transformer"),
        lora.applied(lora.pipeline, {"vace": 1.0}),
    ):
        pytest.fail("it was applied to nothing")
