"""The corpus: its files differ, hold what they say, and are judged as they are."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from benchmarks.corpus import LAYOUTS, Layout, layout
from benchmarks.files import VARIANTS, cases, linears, make_case, write_lora
from benchmarks.lora_layouts import EXACT, judge
from benchmarks.models import TINY, build, forward, inputs, shapes_of, twin
from benchmarks.namings import dotted
from wan_lora_studio.lora.inspection.dialects import read_keys

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def shapes() -> dict[str, tuple[int, ...]]:
    return shapes_of(build(TINY, device=CPU))


def test_every_layout_comes_in_every_variant(
    shapes: dict[str, tuple[int, ...]], tmp_path: Path
) -> None:
    made = list(cases(LAYOUTS, shapes, tmp_path))
    # A file that holds both experts has no pair.
    assert len(made) == len(LAYOUTS) * len(VARIANTS) - sum(x.low is not None for x in LAYOUTS)
    assert len(made) >= 74
    assert len({item.name for item in LAYOUTS}) == len(LAYOUTS)


def test_no_key_of_the_corpus_is_left_over(
    shapes: dict[str, tuple[int, ...]], tmp_path: Path
) -> None:
    for case in cases(LAYOUTS, shapes, tmp_path, ("full",)):
        with safe_open(str(case.files["both"]), framework="pt") as file:
            reading = read_keys(list(file.keys()))
        assert (reading.unknown, reading.ignored) == ((), {}), case.layout.name


def test_the_variants_hold_what_they_are_named_after(
    shapes: dict[str, tuple[int, ...]], tmp_path: Path
) -> None:
    assert len(linears(shapes)) == TINY.layers
    assert all(".attn" in module for module in linears(shapes, "attention"))
    assert {module.split(".")[1] for module in linears(shapes, "one block")} == {"1"}
    high = make_case(layout("musubi"), "high only", shapes, tmp_path / "high")
    assert (list(high.files), high.exact["low"]) == (["high"], {})
    pair = make_case(layout("musubi"), "pair", shapes, tmp_path / "pair")
    base = torch.zeros(shapes["blocks.0.attn1.to_q.weight"], dtype=torch.float64)
    changes = [pair.exact[e]["blocks.0.attn1.to_q.weight"](base) for e in ("high", "low")]
    assert not torch.equal(*changes)


def test_a_layout_that_nobody_knows_is_exact_for_nobody() -> None:
    unheard = Layout("unheard of", dotted("teacher."))
    (verdict,) = judge([unheard], ("full",))
    assert verdict.ours == "UnsupportedLoRAError"
    assert verdict.theirs == "0 layers"


def test_both_sides_are_exact_where_both_can_be() -> None:
    (verdict,) = judge([layout("diffusion-pipe")], ("pair",))
    assert (verdict.ours, verdict.theirs) == (EXACT, EXACT)


def test_a_written_lora_has_the_rank_and_type_that_were_asked_for(
    shapes: dict[str, tuple[int, ...]], tmp_path: Path
) -> None:
    path = write_lora(layout("musubi"), shapes, tmp_path, "a", rank=3)
    with safe_open(str(path), framework="pt") as file:
        down = file.get_tensor("lora_unet_blocks_0_self_attn_q.lora_down.weight")
    assert (tuple(down.shape), down.dtype) == ((3, TINY.dim), torch.bfloat16)


def test_twins_share_weights_but_not_modules() -> None:
    model = build(TINY, device=CPU)
    other = twin(model)
    for own, theirs in zip(model.parameters(), other.parameters(), strict=True):
        assert own.data_ptr() == theirs.data_ptr()
    assert not set(map(id, model.modules())) & set(map(id, other.modules()))
    given = inputs(TINY, (2, 4, 4), device=CPU)
    assert torch.equal(forward(model, given), forward(copy.deepcopy(other), given))


def test_blocks_in_one_storage_sample_like_any_others() -> None:
    model = build(replace(TINY, one_storage=True), device=CPU)
    first, second = (model.get_parameter(f"blocks.{n}.ffn.net.2.weight") for n in (0, 1))
    assert first is not second
    assert first.data_ptr() == second.data_ptr()
    assert torch.isfinite(forward(model, inputs(TINY, (2, 4, 4), device=CPU))).all()
