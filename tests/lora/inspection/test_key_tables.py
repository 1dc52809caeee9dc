"""A file of every trainer, in the shapes of the real models: what is found out, and what fits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.loras import key_tables as lora_fixtures
from tests.support.loras.key_tables import Fixture, all_spelled
from wan_lora_studio.lora.inspection.architectures import architecture_for
from wan_lora_studio.lora.inspection.compatibility import Compatibility, judge
from wan_lora_studio.lora.inspection.dialects import DIALECTS
from wan_lora_studio.lora.inspection.info import Form, LoRAInfo
from wan_lora_studio.lora.inspection.inspector import inspect_lora
from wan_lora_studio.settings import load_settings

# The rows of the table of layouts, and what was seen besides; each needs a fixture.
TRAINERS = {
    "ai-toolkit", "ai-toolkit-combined", "also-seen", "diffsynth", "diffusers", "diffusion-pipe",
    "dora", "kohya-mixed", "lightning", "lightx2v", "loha", "lokr", "lycoris", "mixed", "musubi",
    "old-diffusers", "peft-export", "videox-fun",
}  # fmt: skip


def facts(info: LoRAInfo, expected: dict[str, Any]) -> dict[str, Any]:
    """What was found out, in the form of a fixture's `expected`."""
    found = {name: getattr(info, name) for name in expected if name != "scaling"}
    found = {name: list(v) if isinstance(v, tuple) else v for name, v in found.items()}
    found["unknown"] = sorted(info.unknown)
    return found | ({"scaling": info.scaling.to_plain()} if "scaling" in expected else {})


def stated(expected: dict[str, Any]) -> dict[str, Any]:
    """A fixture's `expected` with its keys spelled out."""
    ignored = expected["ignored"].items()
    return {
        **expected,
        "unknown": sorted(all_spelled(expected["unknown"])),
        "ignored": {key: reason for reason, keys in ignored for key in all_spelled(keys)},
    }


def summary(found: Compatibility) -> dict[str, Any]:
    """A verdict in the form of a fixture's `models`; lists of keys by their length."""
    coverage = {expert: [item.matched, item.total] for expert, item in found.coverage.items()}
    counts = {"ignored": len(found.ignored), "unknown": len(found.unknown)}
    counts = {name: count for name, count in counts.items() if count and found.compatible}
    return {"verdict": found.verdict, "coverage": coverage, **counts}


@pytest.fixture(params=lora_fixtures.names())
def fixture(request: pytest.FixtureRequest) -> Fixture:
    return lora_fixtures.load(request.param)


def test_what_is_found_out(fixture: Fixture, tmp_path: Path) -> None:
    path = lora_fixtures.write(fixture, tmp_path)
    info = inspect_lora(path, name_hint=fixture.file)
    assert facts(info, fixture.expected) == stated(fixture.expected)
    settings = load_settings()
    for model_type, wanted in fixture.models.items():
        found = judge({info.expert: info}, model_type, architecture_for(settings, model_type))
        assert summary(found) == wanted, model_type
        assert found.compatible == (wanted["verdict"] != "no")
    assert LoRAInfo.from_own_json(Form.from_json(info.form.to_json()), info.own_json()) == info


def test_every_key_ends_in_one_list(fixture: Fixture, tmp_path: Path) -> None:
    info = inspect_lora(lora_fixtures.write(fixture, tmp_path))
    keys = [
        key
        for layer in info.layers
        for number in layer.blocks or (None,)
        for key in layer.keys(number)
    ]
    assert sorted([*keys, *info.ignored, *info.unknown]) == sorted(fixture.keys)


def test_every_trainer_and_every_dialect_has_a_fixture() -> None:
    names = lora_fixtures.names()
    assert {name.split("_")[0] for name in names} == TRAINERS
    dialects = {name for n in names for name in lora_fixtures.load(n).expected["dialects"]}
    assert dialects == {dialect.name for dialect in DIALECTS}
