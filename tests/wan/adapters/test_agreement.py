"""What is said about a file before it is used agrees with what applying it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.applying import apply, item, shapes_of
from tests.support.loras.algebras import CONVOLUTION_ALGEBRAS, LINEAR_ALGEBRAS, Algebra
from tests.support.loras.broken import BROKEN, good_file
from tests.support.loras.layouts import LAYOUTS, can_store, every_parameter, write_layers
from tests.support.loras.weights import Made, accelerator_file, combined_file
from wan_lora_studio.errors import LoRAError
from wan_lora_studio.lora.inspection.architectures import Architecture, architecture_from_config
from wan_lora_studio.lora.inspection.compatibility import Compatibility, judge
from wan_lora_studio.lora.inspection.inspector import inspect_lora

Shapes = Mapping[str, tuple[int, ...]]
Make = Callable[[Shapes], Made]


def layers(layout: str, algebra: Algebra, *modules: str) -> Make:
    if modules:
        return lambda shapes: write_layers(LAYOUTS[layout], algebra, shapes, modules)
    return lambda shapes: write_layers(LAYOUTS[layout], algebra, shapes)


# Each layout with an algebra, each algebra in a layout, and the files that are more than layers.
FILES: dict[str, Make] = {
    **{
        f"{name}-{kind}": layers(name, algebra)
        for name, layout in LAYOUTS.items()
        for kind, algebra in LINEAR_ALGEBRAS.items()
        if name == "LyCORIS" or kind in ("LoRA", "DoRA, vector")
        if can_store(layout, algebra, (8, 8))
    },
    **{
        f"patch embedding-{kind}": layers("LyCORIS", algebra, "patch_embedding")
        for kind, algebra in CONVOLUTION_ALGEBRAS.items()
    },
    "every parameter": every_parameter,
    "accelerator": lambda shapes: accelerator_file(dict(shapes)),
    "combined": lambda shapes: combined_file(dict(shapes)),
}
# What no header tells.
IN_THE_NUMBERS = {name for name in BROKEN if "NaN" in name or "infinity" in name}


@pytest.fixture
def architecture(experts: Any) -> Architecture:
    config = dict(experts.transformer.config)
    return architecture_from_config("tiny", "Tiny", ("high", "low"), config)


def verdict(path: Path, architecture: Architecture) -> Compatibility:
    return judge({"both": inspect_lora(path, name_hint="a")}, "tiny", architecture)


@pytest.mark.parametrize("file", FILES)
def test_what_fits_is_applied_whole(
    file: str, experts: Any, architecture: Architecture, tmp_path: Path
) -> None:
    path = FILES[file](shapes_of(experts)).save(tmp_path / "a.safetensors")
    said = verdict(path, architecture)
    assert said.verdict == "fits"
    with apply(experts, [item("a", 1.0, both=path)]) as stack:
        done = stack.loras["a"]
    assert done["coverage"] == said.to_dict()["coverage"]
    assert (done["ignored"], done["unknown"]) == (said.ignored, list(said.unknown))


def is_refused(path: Path, architecture: Architecture) -> bool:
    """By its header alone, or for the model."""
    try:
        said = verdict(path, architecture)
    except LoRAError:
        return True
    return (said.verdict, said.compatible) == ("no", False) and bool(said.reasons)


@pytest.mark.parametrize("damage", sorted(BROKEN.keys() - IN_THE_NUMBERS))
def test_what_does_not_fit_is_said_before(
    damage: str, experts: Any, architecture: Architecture, tmp_path: Path
) -> None:
    made = good_file(shapes_of(experts))
    change, error = BROKEN[damage]
    change(made.tensors)
    path = made.save(tmp_path / "a.safetensors")
    with pytest.raises(error), apply(experts, [item("a", 1.0, both=path)]):
        pytest.fail("a broken file was applied")
    assert is_refused(path, architecture)
