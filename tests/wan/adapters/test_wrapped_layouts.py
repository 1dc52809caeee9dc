"""Any wrappers around any layout with any algebra: exact, with every key accounted for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.applying import MODES, check_output, shapes_of
from tests.support.loras.algebras import LINEAR_ALGEBRAS, lora, lora_alpha
from tests.support.loras.layouts import A_B, LAYOUTS, Layout, can_store, dotted, write_layers
from tests.support.loras.weights import LINEARS
from wan_lora_studio.wan.adapters.apply_mode import Mode

TRANSPARENT = ("_orig_mod", "module", "_checkpoint_wrapped_module", "_fsdp_wrapped_module")
HOLDERS = ("model", "diffusion_model", "base_model", "unet", "pipe")
HEAD = re.compile(r"(?:lora_unet__?|lora_transformer_|lycoris_)")
PAIRS = [
    (layout, algebra)
    for layout in LAYOUTS
    for algebra in LINEAR_ALGEBRAS
    if can_store(LAYOUTS[layout], LINEAR_ALGEBRAS[algebra], (8, 8))
]
wrappers = st.lists(st.sampled_from(TRANSPARENT + HOLDERS), max_size=3)
inner = st.lists(st.sampled_from(TRANSPARENT), max_size=2)


def wrapped(
    stem: Callable[[str], str], around: list[str], within: list[str]
) -> Callable[[str], str]:
    """The stem with modules around the layer, and transparent ones after the block's number."""

    def named(module: str) -> str:
        plain = stem(module)
        head = HEAD.match(plain)
        joint = "_" if head else "."
        start, rest = (head[0], plain[head.end() :]) if head else ("", plain)
        added = "".join(f"{joint}{name}" for name in within)
        rest = re.sub(r"(blocks[._]\d+)(?=[._])", rf"\1{added}", rest, count=1)
        return start + joint.join([*around, rest])

    return named


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pair=st.sampled_from(PAIRS), names=st.tuples(wrappers, inner), mode=st.sampled_from(MODES))
def test_any_wrappers(
    pair: tuple[str, str],
    names: tuple[list[str], list[str]],
    mode: Mode,
    experts: Any,
    tmp_path: Path,
) -> None:
    (layout, algebra), (around, within) = pair, names
    around = [name for name in around if layout != "old processors" or name in TRANSPARENT]
    written = {
        role: replace(one, stem=wrapped(one.stem, around, within))
        for role, one in LAYOUTS[layout].items()
    }
    made = write_layers(written, LINEAR_ALGEBRAS[algebra], shapes_of(experts))
    check_output(experts, made, tmp_path / "a.safetensors", mode)


FASTVIDEO = {"down": ".lora_A", "up": ".lora_B", "alpha": ".lora_alpha"}


@pytest.mark.parametrize("algebra", [lora, lora_alpha])
@pytest.mark.parametrize(
    "prefix",
    ["transformer.", "", "transformer.base_model.model.", "module.transformer._orig_mod."],
)
def test_factors_without_weight(
    prefix: str, algebra: Any, experts: Any, mode: Mode, tmp_path: Path
) -> None:
    layout = {"both": Layout(dotted(prefix), FASTVIDEO)}
    made = write_layers(layout, algebra, shapes_of(experts))
    check_output(experts, made, tmp_path / "a.safetensors", mode)


@pytest.mark.parametrize("prefix", ["wan.", "student.model.", "diffusion_model.wan_model."])
def test_modules_of_any_name_around_the_blocks(
    prefix: str, experts: Any, mode: Mode, tmp_path: Path
) -> None:
    layout = {"both": Layout(dotted(prefix), A_B, LINEARS)}
    made = write_layers(layout, lora, shapes_of(experts), LINEARS)
    check_output(experts, made, tmp_path / "a.safetensors", mode)


OWN_NAMES = (
    (".attn1.", "."),
    (".to_out.0", ".to_out"),
    ("ffn.net.0.proj", "ffn.fc_in"),
    ("ffn.net.2", "ffn.fc_out"),
    ("text_embedder.linear_1", "text_embedder.fc_in"),
    ("text_embedder.linear_2", "text_embedder.fc_out"),
    ("time_embedder.linear_1", "time_embedder.mlp.fc_in"),
    ("time_embedder.linear_2", "time_embedder.mlp.fc_out"),
    ("time_proj", "time_modulation.linear"),
)


def test_fastvideos_own_names(experts: Any, mode: Mode, tmp_path: Path) -> None:
    def stem(module: str) -> str:
        for ours, theirs in OWN_NAMES:
            module = module.replace(ours, theirs)
        return module

    made = write_layers({"both": Layout(stem, FASTVIDEO)}, lora_alpha, shapes_of(experts))
    check_output(experts, made, tmp_path / "a.safetensors", mode)
