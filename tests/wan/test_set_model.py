"""The library judges by the pipeline that a host has, from the moment it is told of it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.loras.variants import diffusers, lora_for
from tests.support.model_kinds import KINDS, pipeline_of
from tests.support.tiny_models import tiny_transformer
from wan_lora_studio.errors import SettingsError
from wan_lora_studio.session import LoRAUIState
from wan_lora_studio.settings import load_settings
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.pipeline_facts import facts_of


@pytest.fixture
def loras(tmp_path: Path) -> LoRAManager:
    """A library with a LoRA for every layer of each of three models."""
    folder = tmp_path / "loras"
    folder.mkdir()
    for name in ("2.1 t2v", "2.1 i2v", "vace"):
        lora_for(KINDS[name]().transformer).save(folder / f"{name}.safetensors")
    found = LoRAManager(
        load_settings(loras_dir=folder, models_dir=tmp_path / "models", data_dir=tmp_path / "data")
    )
    found.refresh()
    return found


def told(loras: LoRAManager, kind: str, name: str | None = "host") -> Any:
    pipeline = KINDS[kind]()
    assert loras.set_model(name, facts_of(pipeline))
    return pipeline


def verdicts(loras: LoRAManager, model: str = "host") -> dict[str, str]:
    return {
        record["name"]: record["verdicts"][model]["verdict"]
        for record in loras.get_ui_display_data()["loras"]
    }


def test_verdicts_are_those_of_the_pipeline(loras: LoRAManager) -> None:
    told(loras, "vace")
    assert verdicts(loras) == {"2.1 t2v": "fits", "2.1 i2v": "partly", "vace": "fits"}
    told(loras, "2.1 i2v")
    assert verdicts(loras) == {"2.1 t2v": "fits", "2.1 i2v": "fits", "vace": "partly"}
    told(loras, "2.1 t2v")
    assert verdicts(loras) == {"2.1 t2v": "fits", "2.1 i2v": "partly", "vace": "partly"}


def test_coverage_names_what_the_model_lacks(loras: LoRAManager) -> None:
    told(loras, "2.1 t2v")
    found = loras.explain_compatibility("vace", "host")
    assert 0 < found.coverage["high"].matched < found.coverage["high"].total
    control = {key for key, why in found.ignored.items() if "VACE" in why}
    assert control == {key for key in found.ignored if "vace_" in key}
    rest = found.ignored.keys() - control
    assert {key.split(".")[2] for key in rest} == {"2", "3"}  # blocks that the model lacks
    by_block = loras.block_coverage("vace", "host")["high"]
    assert [part.block for part in by_block] == [0, 1, 2, 3, None]  # the file's own four
    told(loras, "vace")
    assert {part.lost for part in loras.block_coverage("vace", "host")["high"]} == {0}


def test_records_and_the_table_have_this_model_alone(loras: LoRAManager) -> None:
    told(loras, "2.2 t2v")
    assert list(loras.settings.models) == [loras.settings.default_model] == ["host"]
    assert loras.settings.model("host").experts == ("high", "low")
    assert loras.record("2.1 t2v")["compatible_models"] == ["host"]
    (shown,) = loras.get_ui_display_data()["models"]
    assert (shown["model_type"], shown["experts"], shown["known"]) == (
        "host",
        ["high", "low"],
        True,
    )
    with pytest.raises(SettingsError):
        loras.explain_compatibility("vace", "t2v-A14B")


def test_a_pinned_view_follows(loras: LoRAManager) -> None:
    view = loras.with_pins({})
    told(loras, "2.1 i2v")
    assert view.settings.default_model == "host"
    assert view.explain_compatibility("2.1 i2v", "host").verdict == "fits"
    told(loras, "2.1 t2v")
    assert view.record("2.1 i2v")["compatible_models"] == ["host"]
    assert view.explain_compatibility("2.1 i2v", "host").verdict == "partly"


def test_a_page_notices_and_sees_no_older_verdict(loras: LoRAManager) -> None:
    told(loras, "2.1 i2v")
    version, revision = loras.shown_version, loras.revision
    assert loras.shown_version == version
    told(loras, "2.1 t2v")
    assert loras.shown_version != version
    assert loras.revision > revision
    assert verdicts(loras)["2.1 i2v"] == "partly"


def test_the_same_model_again_is_no_change(loras: LoRAManager) -> None:
    told(loras, "2.1 t2v")
    version = loras.shown_version
    assert not loras.set_model("host", facts_of(KINDS["2.1 t2v"]()))
    assert loras.shown_version == version


def test_it_can_be_taken_back(loras: LoRAManager) -> None:
    before = loras.settings
    told(loras, "2.1 t2v")
    assert loras.set_model(None)
    assert loras.settings == before
    assert loras.explain_compatibility("vace", "t2v-A14B").verdict == "no"
    assert not loras.set_model(None)


def test_without_a_pipeline_it_is_a_model_of_the_table(loras: LoRAManager) -> None:
    row = loras.settings.model("i2v-A14B")
    assert loras.set_model("i2v-A14B")
    assert dict(loras.settings.models) == {"i2v-A14B": row}
    assert loras.explain_compatibility("2.1 t2v", "i2v-A14B").verdict == "no"
    told(loras, "2.1 t2v", "i2v-A14B")
    assert loras.explain_compatibility("2.1 t2v", "i2v-A14B").verdict == "fits"
    assert loras.set_model("i2v-A14B")
    assert loras.explain_compatibility("2.1 t2v", "i2v-A14B").verdict == "no"
    with pytest.raises(SettingsError):
        loras.set_model("no such model")
    assert list(loras.settings.models) == ["i2v-A14B"]


def test_the_facts_name_the_model_where_the_host_does_not(loras: LoRAManager) -> None:
    told(loras, "2.1 t2v", None)
    assert list(loras.settings.models) == ["pipeline"]


def test_what_could_not_be_read_is_unknown_and_says_why(loras: LoRAManager) -> None:
    assert loras.set_model("host", facts_of(SimpleNamespace(transformer=None)))
    found = loras.explain_compatibility("2.1 t2v", "host")
    assert (found.verdict, found.compatible) == ("unknown", False)
    assert found.reasons == (
        "Cannot tell whether this fits: the app's pipeline (SimpleNamespace) has no transformer at"
        " the moment.",
    )
    assert loras.block_coverage("2.1 t2v", "host") == {}
    assert loras.estimate_memory_impact(["2.1 t2v"], "host")["file_mb"] > 0


def test_estimates_count_the_weights_that_the_model_has(loras: LoRAManager) -> None:
    told(loras, "vace")
    whole = loras.estimate(["vace"], "host").raw["merge"].host
    told(loras, "2.1 t2v")
    assert loras.estimate(["vace"], "host").raw["merge"].host < whole
    one = loras.estimate(["2.1 t2v"], "host").raw["merge"].host
    told(loras, "2.2 t2v")
    assert loras.estimate(["2.1 t2v"], "host").raw["merge"].host > one  # of two experts


def test_warnings_and_the_steps_of_each_expert_are_the_pipelines(loras: LoRAManager) -> None:
    told(loras, "2.1 i2v")
    state = LoRAUIState(loras, "host")
    state.update_selection("2.1 i2v", 1.0)
    assert state.get_selection_summary()["compatibility_warnings"] == []
    assert state.page_state()["split"] == {"high": 50, "low": 0}
    told(loras, "2.2 t2v")
    (warning,) = state.get_selection_summary()["compatibility_warnings"]
    assert "image embedding" in warning
    shares = state.page_state()["split"]
    assert shares["high"] > 0 and shares["low"] > 0 and sum(shares.values()) == 50
    early = pipeline_of("WanPipeline", tiny_transformer(), tiny_transformer(seed=1), 0.5)
    loras.set_model("host", facts_of(early))
    assert state.page_state()["split"]["high"] > shares["high"]


def test_a_selection_that_was_made_for_another_model_is_judged_by_the_one_there_is(
    loras: LoRAManager,
) -> None:
    state = LoRAUIState(loras, "t2v-A14B")
    state.update_selection("2.1 i2v", 1.0)
    told(loras, "2.1 i2v", "wan2.1-I2V-14B")
    assert state.page_state()["model"] == "wan2.1-I2V-14B"
    assert state.get_selection_summary()["compatibility_warnings"] == []


def test_a_half_of_a_pair_is_named_where_one_expert_cannot_take_it(
    loras: LoRAManager, tmp_path: Path
) -> None:
    for role in ("high", "low"):
        made = lora_for(tiny_transformer(), diffusers, only="blocks.")
        made.save(tmp_path / "loras" / f"pair_{role}_noise.safetensors")
    loras.refresh()
    told(loras, "2.2 t2v")
    assert loras.explain_compatibility("pair", "host").verdict == "fits"
    told(loras, "2.1 t2v")
    found = loras.explain_compatibility("pair", "host")
    assert (found.verdict, found.compatible) == ("partly", True)
    assert any("low-noise half is left out" in reason for reason in found.reasons)
