"""LoRAs on each kind of Wan model: applied exactly where it has the layers, and as was said."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig
from torch import Tensor

from tests.support.applying import (
    EXPERT_NAMES,
    MODES,
    TOLERANCE,
    apply,
    difference,
    float64_merge,
    item,
    merged_weights,
    same_bytes,
)
from tests.support.loras.variants import SPELLINGS, linears_of, lora_for
from tests.support.loras.weights import Made
from tests.support.model_kinds import (
    CONTROL_CHANNELS,
    IMAGE_DIM,
    KINDS,
    of_config,
    pipeline_of,
    vace_model,
)
from tests.support.tiny_models import TEXT_DIM
from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.inspection import Compatibility, coverage_by_block, inspect_lora, judge
from wan_lora_studio.wan.adapters.apply_mode import Mode
from wan_lora_studio.wan.pipeline_facts import facts_of

TEXT_TOKENS = 512  # diffusers tells the picture's tokens from the text's by this number
STRENGTHS: Mapping[str, float] = {"high": 0.8, "low": -0.5}
PAIRS = ("2.2 t2v", "2.2 i2v", "vace, two experts")


@cache
def built(kind: str) -> Any:
    return KINDS[kind]()


def pipeline(kind: str) -> Any:
    """One of that kind; its transformers are this test's own."""
    found = copy.copy(built(kind))
    for name in EXPERT_NAMES.values():
        if (model := getattr(found, name, None)) is not None:
            setattr(found, name, copy.deepcopy(model))
    return found


def experts_of(found: Any) -> dict[str, Any]:
    models = {expert: getattr(found, name, None) for expert, name in EXPERT_NAMES.items()}
    return {expert: model for expert, model in models.items() if model is not None}


def run(model: Any) -> Tensor:
    """The model's output for inputs that are fixed by a seed, a picture and controls included."""
    generator = torch.Generator().manual_seed(7)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator)

    inputs = {
        "hidden_states": random(1, model.config.in_channels, 2, 4, 4),
        "timestep": torch.tensor([900.0]),
        "encoder_hidden_states": random(1, TEXT_TOKENS, TEXT_DIM),
    }
    if model.config.image_dim is not None:
        pictures = 2 if model.config.pos_embed_seq_len else 1
        inputs["encoder_hidden_states_image"] = random(pictures, 3, IMAGE_DIM)
    if hasattr(model, "vace_blocks"):
        inputs["control_hidden_states"] = random(1, CONTROL_CHANNELS, 2, 4, 4)
    with torch.no_grad():
        found: Tensor = model(**inputs, return_dict=False)[0]
    return found


def bytes_of(found: Any) -> dict[str, Tensor]:
    return {
        f"{expert}.{name}": value.clone()
        for expert, model in experts_of(found).items()
        for name, value in model.state_dict().items()
    }


def check_applied(found: Any, made: Made, path: Path, mode: Mode) -> None:
    """Each weight is W0 + strength · delta where the file has a layer, every other as before; the
    outputs are those of such weights; afterwards all bytes are the old ones."""
    before, models = bytes_of(found), experts_of(found)
    wanted = {
        expert: float64_merge(model, [(STRENGTHS[expert], made.exact[expert])])
        for expert, model in models.items()
    }
    outputs = {expert: run(model) for expert, model in wanted.items()}
    assert all(difference(outputs[expert], run(models[expert])) > 1e-3 for expert in models)
    with apply(found, [item("a", dict(STRENGTHS), both=made.save(path))], mode):
        for expert, model in models.items():
            assert difference(run(model), outputs[expert]) <= TOLERANCE
            if mode == "merge":
                goals = merged_weights(wanted[expert], [(0.0, made.exact[expert])])
                for name, value in model.named_parameters():
                    if name in goals:
                        torch.testing.assert_close(value, goals[name], rtol=1e-6, atol=1e-7)
                    else:
                        assert same_bytes(value, before[f"{expert}.{name}"])
    after = bytes_of(found)
    assert [name for name, value in before.items() if not same_bytes(after[name], value)] == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_lora_for_every_layer_of_a_model(kind: str, mode: Mode, tmp_path: Path) -> None:
    found = pipeline(kind)
    made = lora_for(found.transformer)
    check_applied(found, made, tmp_path / "a.safetensors", mode)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("kind", ["vace", "2.1 i2v"])
def test_it_is_the_same_in_every_spelling(kind: str, spelling: str, tmp_path: Path) -> None:
    found = pipeline(kind)
    made = lora_for(found.transformer, SPELLINGS[spelling])
    said = said_of(made.save(tmp_path / "b.safetensors"), found)
    assert (said.verdict, said.ignored, said.unknown) == ("fits", {}, ())
    check_applied(found, made, tmp_path / "a.safetensors", "merge")


@pytest.mark.parametrize("mode", MODES)
def test_a_lora_of_the_control_branch_alone(mode: Mode, tmp_path: Path) -> None:
    """As DiffSynth-Studio trains it."""
    found = pipeline("vace")
    made = lora_for(found.transformer, SPELLINGS["DiffSynth"], only="vace_blocks.")
    check_applied(found, made, tmp_path / "a.safetensors", mode)


def said_of(path: Path, found: Any, role: str = "both") -> Compatibility:
    architecture = facts_of(found).architecture
    assert architecture is not None
    return judge({role: inspect_lora(path, name_hint="a")}, "host", architecture)


OTHERS = {
    **{kind: lambda kind=kind: built(kind).transformer for kind in KINDS},
    "wider": lambda: of_config(num_attention_heads=4),
    "deeper": lambda: of_config(num_layers=3),
}
# What the verdict is, where it is not "fits": of LoRAs for every layer, on a model of each kind.
IMAGE, VACE = ("2.1 i2v", "fun control"), ("vace", "vace, two experts")


def expected(made_for: str, kind: str) -> str:
    if made_for == "wider":
        return "no"
    lacks_image = made_for in IMAGE and kind not in IMAGE
    lacks_vace = made_for in VACE and kind not in VACE
    lacks_blocks = made_for == "deeper" and kind not in VACE
    return "partly" if lacks_image or lacks_vace or lacks_blocks else "fits"


@pytest.mark.parametrize("made_for", OTHERS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_said_is_what_is_done(kind: str, made_for: str, tmp_path: Path) -> None:
    found = pipeline(kind)
    path = lora_for(OTHERS[made_for]()).save(tmp_path / "a.safetensors")
    said = said_of(path, found)
    assert said.verdict == expected(made_for, kind)
    assert said.reasons or said.verdict == "fits"
    if not said.compatible:
        with pytest.raises(LoRAError), apply(found, [item("a", 1.0, both=path)]):
            pytest.fail("it was applied")
        return
    with apply(found, [item("a", 1.0, both=path)]) as stack:
        done = stack.loras["a"]
    assert done["coverage"] == said.to_dict()["coverage"]
    assert done["ignored"].keys() == said.ignored.keys()
    assert done["unknown"] == list(said.unknown)


@pytest.mark.parametrize("only", ["vace_blocks.", "condition_embedder.image_embedder."])
def test_what_only_another_model_has_is_refused_by_its_name(only: str, tmp_path: Path) -> None:
    source = built("vace" if "vace" in only else "2.1 i2v").transformer
    path = lora_for(source, only=only).save(tmp_path / "a.safetensors")
    found = pipeline("2.1 t2v")
    said = said_of(path, found)
    assert said.verdict == "no"
    word = "VACE" if "vace" in only else "image embedding"
    assert word in " ".join(said.reasons)
    with (
        pytest.raises(LoRAError, match=word),
        apply(found, [item("a", 1.0, both=path)]),
    ):
        pytest.fail("it was applied")


@pytest.mark.parametrize("kind", PAIRS)
def test_a_lora_of_a_single_model_goes_to_both_experts(kind: str, tmp_path: Path) -> None:
    """As one for Wan2.1-14B does on Wan2.2's pair."""
    found = pipeline(kind)
    path = lora_for(built("2.1 t2v").transformer).save(tmp_path / "a.safetensors")
    said = said_of(path, found)
    assert said.verdict == "fits"
    assert [c.matched for c in said.coverage.values()] == [c.total for c in said.coverage.values()]
    assert said.coverage.keys() == {"high", "low"}


@pytest.mark.parametrize("kind", ["2.1 t2v", "2.1 i2v", "vace"])
def test_of_a_pair_a_single_model_takes_the_high_noise_half(kind: str, tmp_path: Path) -> None:
    """As a pair for Wan2.2 on Wan2.1-14B: the other half is left out, and that is said."""
    found = pipeline(kind)
    source = built("2.1 t2v").transformer
    halves = {
        role: lora_for(source, seed=seed).save(tmp_path / f"{role}.safetensors")
        for seed, role in enumerate(("high", "low"), start=1)
    }
    architecture = facts_of(found).architecture
    assert architecture is not None
    infos = {role: inspect_lora(path, name_hint="a") for role, path in halves.items()}
    said = judge(infos, "host", architecture)
    assert (said.verdict, said.compatible) == ("partly", True)
    assert any("low-noise" in reason for reason in said.reasons)
    with apply(found, [item("a", 1.0, **halves)]) as stack:
        done = stack.loras["a"]
    assert done["coverage"] == said.to_dict()["coverage"]
    assert done["ignored"].keys() == said.ignored.keys()
    alone = judge({"low": infos["low"]}, "host", architecture)
    assert alone.verdict == "fits"


def test_each_expert_is_compared_with_what_it_has(tmp_path: Path) -> None:
    """As a host that controls the high-noise steps alone."""
    found = pipeline_of("WanPipeline", vace_model(), of_config(num_layers=3), 0.875)
    path = lora_for(found.transformer).save(tmp_path / "a.safetensors")
    said = said_of(path, found)
    assert said.verdict == "partly"
    matched = {expert: part.matched for expert, part in said.coverage.items()}
    assert matched["low"] < matched["high"] == said.coverage["high"].total
    with apply(found, [item("a", 1.0, both=path)]) as stack:
        done = stack.loras["a"]
    assert done["coverage"] == said.to_dict()["coverage"]
    assert done["ignored"].keys() == said.ignored.keys()
    architecture = facts_of(found).architecture
    assert architecture is not None
    bars = coverage_by_block({"both": inspect_lora(path)}, architecture)
    lost = {expert: sum(bar.lost for bar in row) for expert, row in bars.items()}
    assert lost == {"high": 0, "low": matched["high"] - matched["low"]}


@pytest.mark.parametrize("mode", MODES)
def test_a_pipeline_with_the_low_noise_expert_alone(mode: Mode, tmp_path: Path) -> None:
    found = pipeline("2.2 t2v")
    found.transformer = None
    made = lora_for(found.transformer_2)
    said = said_of(made.save(tmp_path / "b.safetensors"), found)
    assert (said.verdict, said.coverage.keys()) == ("fits", {"low"})
    check_applied(found, made, tmp_path / "a.safetensors", mode)


def test_a_second_transformer_that_never_samples_is_left_alone(tmp_path: Path) -> None:
    """diffusers uses the second only from `boundary_ratio` on."""
    found = pipeline("2.1 t2v")
    found.register_modules(transformer_2=copy.deepcopy(found.transformer))
    path = lora_for(found.transformer).save(tmp_path / "a.safetensors")
    before = bytes_of(found)
    with apply(found, [item("a", 1.0, low=path)]) as stack:
        assert stack.loras["a"]["coverage"].keys() == {"high"}
        assert not same_bytes(
            found.transformer.blocks[0].ffn.net[2].weight, before["high.blocks.0.ffn.net.2.weight"]
        )
        assert same_bytes(
            found.transformer_2.blocks[0].ffn.net[2].weight, before["low.blocks.0.ffn.net.2.weight"]
        )
    assert said_of(path, found, "low").coverage.keys() == {"high"}


@pytest.mark.parametrize("mode", MODES)
def test_a_transformer_in_place_of_a_pipeline(mode: Mode, tmp_path: Path) -> None:
    model = copy.deepcopy(built("vace").transformer)
    made = lora_for(model)
    goal = run(float64_merge(model, [(0.7, made.exact["high"])]))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with apply(model, [item("a", 0.7, both=made.save(tmp_path / "a.safetensors"))], mode):
        assert difference(run(model), goal) <= TOLERANCE
    assert all(same_bytes(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("mode", MODES)
def test_a_lora_that_the_host_has_loaded_itself_stays_in_force(mode: Mode, tmp_path: Path) -> None:
    """By diffusers' own loader, which puts peft's layers around the model's."""
    found = pipeline("2.1 t2v")
    plain = facts_of(found).architecture
    made = lora_for(found.transformer)
    names = [name for name in linears_of(found.transformer) if "attn1" in name]
    found.transformer.add_adapter(LoraConfig(r=2, target_modules=names, init_lora_weights=False))
    own = run(found.transformer)
    said = said_of(made.save(tmp_path / "a.safetensors"), found)
    assert said.verdict == "fits"
    assert facts_of(found).architecture == plain
    merged = copy.deepcopy(found.transformer)
    for name, change in made.exact["high"].items():
        layer = merged.get_submodule(name.removesuffix(".weight"))
        weight = getattr(layer, "base_layer", layer).weight
        weight.data = (weight.double() + 0.6 * change(weight.double())).float()
    goal, before = run(merged), bytes_of(found)
    with apply(found, [item("a", 0.6, both=tmp_path / "a.safetensors")], mode) as stack:
        assert difference(run(found.transformer), goal) <= TOLERANCE
        assert stack.loras["a"]["coverage"] == said.to_dict()["coverage"]
    assert torch.equal(run(found.transformer), own)
    after = bytes_of(found)
    assert [name for name, value in before.items() if not same_bytes(after[name], value)] == []
