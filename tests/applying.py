"""Applying LoRAs to a tiny pair of experts, and the float64 merge that the result must equal."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from lora_weights import Change, Made
from tiny_models import tiny_inputs, tiny_transformer
from torch import Tensor

from backend.lora.selection import LoRASelection
from backend.wan.adapters.stack import StackItem, applied_stack

TOLERANCE = 1e-5  # relative, of the transformer's fp32 output
STRENGTH = {"high": 0.8, "low": -0.5}
EXPERT_NAMES = {"high": "transformer", "low": "transformer_2"}
MODES = ("merge",)


def apply(
    pipeline: Any, items: Sequence[StackItem], mode: str = "merge"
) -> AbstractContextManager[Any]:
    """`applied_stack` in one of the modes."""
    assert mode in MODES
    return applied_stack(pipeline, items)


def two_experts(dtype: torch.dtype = torch.float32) -> Any:
    return SimpleNamespace(
        transformer=tiny_transformer(seed=0).to(dtype),
        transformer_2=tiny_transformer(seed=1).to(dtype),
    )


def shapes_of(pipeline: Any) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in pipeline.transformer.named_parameters()}


def item(name: str, strength: Any, **files: Path) -> StackItem:
    ((_, parsed),) = LoRASelection.parse({name: strength}).items
    return StackItem(name, files, parsed, dict.fromkeys(files, "0" * 64))


def float64_merge(model: Any, changes: Sequence[tuple[float, Mapping[str, Change]]]) -> Any:
    """A copy of the model with W0 + Σ s·ΔW summed in float64 and rounded once."""
    merged = copy.deepcopy(model)
    with torch.no_grad():
        for path, parameter in merged.named_parameters():
            base = parameter.double()
            total = base.clone()
            for strength, exact in changes:
                if path in exact:
                    total += strength * exact[path](base)
            parameter.copy_(total)
    return merged


def output(model: Any) -> Tensor:
    """The model's output for the fixed inputs, in the model's precision."""
    inputs = {name: value.to(model.dtype) for name, value in tiny_inputs().items()}
    inputs["timestep"] = tiny_inputs()["timestep"]
    with torch.no_grad():
        found: Tensor = model(**inputs, return_dict=False)[0]
    return found


def difference(found: Tensor, wanted: Tensor) -> float:
    """The relative difference of two outputs."""
    return float((found.double() - wanted.double()).norm() / wanted.double().norm())


def assert_same_output(model: Any, reference: Any) -> None:
    assert difference(output(model), output(reference)) <= TOLERANCE


def state(pipeline: Any) -> dict[str, Tensor]:
    """A copy of every weight of both experts."""
    return {
        f"{expert}.{name}": value.clone()
        for expert in EXPERT_NAMES.values()
        if (model := getattr(pipeline, expert)) is not None
        for name, value in model.state_dict().items()
    }


def same_bytes(found: Tensor, wanted: Tensor) -> bool:
    """Also where the values compare unequal (NaN) or equal (0 and -0)."""
    return found.dtype == wanted.dtype and torch.equal(
        found.contiguous().view(torch.uint8), wanted.contiguous().view(torch.uint8)
    )


def assert_bit_identical(pipeline: Any, before: Mapping[str, Tensor]) -> None:
    after = state(pipeline)
    assert after.keys() == before.keys()
    changed = [name for name, value in before.items() if not same_bytes(after[name], value)]
    assert changed == []


def check_output(experts: Any, made: Made, path: Path, mode: str) -> None:
    """Both experts give the merge's output, which is not their own; no key is left over."""
    lora = item("a", STRENGTH, both=made.save(path))
    bare = {expert: output(getattr(experts, name)) for expert, name in EXPERT_NAMES.items()}
    merged = {
        expert: float64_merge(getattr(experts, name), [(STRENGTH[expert], made.exact[expert])])
        for expert, name in EXPERT_NAMES.items()
    }
    with apply(experts, [lora], mode) as stack:
        report = stack.loras["a"]
        for expert, name in EXPERT_NAMES.items():
            assert_same_output(getattr(experts, name), merged[expert])
            moved = difference(output(merged[expert]), bare[expert])
            assert (moved > 1e-3) == bool(made.exact[expert])
    assert report["unknown"] == [] and report["ignored"] == {}
    for expert, coverage in report["coverage"].items():
        assert coverage == dict.fromkeys(("matched", "total"), len(layers_of(made.exact[expert])))


def layers_of(changes: Mapping[str, Change]) -> set[str]:
    return {parameter.rsplit(".", 1)[0] for parameter in changes}


def check_rounding(experts: Any, made: Made, path: Path) -> None:
    """Merged weights are the float64 merge rounded once; nothing else changes."""
    merged = {
        expert: float64_merge(getattr(experts, name), [(STRENGTH[expert], made.exact[expert])])
        for expert, name in EXPERT_NAMES.items()
    }
    equal: list[Tensor] = []
    with apply(experts, [item("a", STRENGTH, both=made.save(path))], "merge"):
        for expert, name in EXPERT_NAMES.items():
            wanted = dict(merged[expert].named_parameters())
            for parameter, found in getattr(experts, name).named_parameters():
                same = (found == wanted[parameter]).flatten()
                if parameter in made.exact[expert]:
                    equal.append(same)
                else:
                    assert bool(same.all())
    assert float(torch.cat(equal).double().mean()) >= 0.999
