"""Applying LoRAs to a tiny pair of experts, and the float64 merge that the result must equal."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call

from tests.support.loras.weights import Change, Made
from tests.support.tiny_models import tiny_inputs, tiny_transformer
from wan_lora_studio.lora.selection.strengths import LoRASelection
from wan_lora_studio.wan.adapters.apply_mode import Mode, WantedMode
from wan_lora_studio.wan.adapters.stack import AppliedStack, StackItem, applied_stack

TOLERANCE = 1e-5  # relative, of the transformer's fp32 output
STRENGTH = {"high": 0.8, "low": -0.5}
EXPERT_NAMES = {"high": "transformer", "low": "transformer_2"}
MODES: tuple[Mode, ...] = ("merge", "runtime")


def apply(
    pipeline: Any, items: Sequence[StackItem], mode: WantedMode = "merge"
) -> AbstractContextManager[AppliedStack]:
    return applied_stack(pipeline, items, mode=mode)


def two_experts(dtype: torch.dtype = torch.float32) -> Any:
    """A pipeline's two transformers; in another precision, as `from_pretrained` loads them."""
    experts = (tiny_transformer(seed=0), tiny_transformer(seed=1))
    for model in experts:
        for name, parameter in model.named_parameters():
            if not any(kept in name for kept in model._keep_in_fp32_modules):
                parameter.data = parameter.data.to(dtype)
    return SimpleNamespace(transformer=experts[0], transformer_2=experts[1])


def shapes_of(pipeline: Any) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in pipeline.transformer.named_parameters()}


def item(name: str, strength: Any, **files: Path) -> StackItem:
    ((_, parsed),) = LoRASelection.parse({name: strength}).items
    return StackItem(name, files, parsed, dict.fromkeys(files, "0" * 64))


def merged_weights(
    model: Any, changes: Sequence[tuple[float, Mapping[str, Change]]]
) -> dict[str, Tensor]:
    """The touched parameters as W0 + Σ s·ΔW, summed in float64 and rounded once."""
    merged = {}
    for path, parameter in model.named_parameters():
        active = [(strength, exact[path]) for strength, exact in changes if path in exact]
        if active:
            base = parameter.detach().double()
            total = sum((strength * change(base) for strength, change in active), base)
            merged[path] = total.to(parameter.dtype)
    return merged


def float64_merge(model: Any, changes: Sequence[tuple[float, Mapping[str, Change]]]) -> Any:
    """A copy of the model with `merged_weights`."""
    merged = copy.deepcopy(model)
    with torch.no_grad():
        for path, weight in merged_weights(model, changes).items():
            merged.get_parameter(path).copy_(weight)
    return merged


def output(model: Any, weights: Mapping[str, Tensor] | None = None) -> Tensor:
    """The model's output for the fixed inputs, in its precision, with some weights replaced."""
    inputs: dict[str, Any] = {name: part.to(model.dtype) for name, part in tiny_inputs().items()}
    inputs |= {"timestep": tiny_inputs()["timestep"], "return_dict": False}
    with torch.no_grad():
        found: Tensor = functional_call(model, dict(weights or {}), (), inputs)[0]
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


Wanted = Mapping[str, dict[str, Tensor]]  # expert -> touched parameter -> its merged weight


def wanted_weights(experts: Any, made: Made) -> Wanted:
    """The weights of both experts with the file at STRENGTH; before it is applied."""
    return {
        expert: merged_weights(getattr(experts, name), [(STRENGTH[expert], made.exact[expert])])
        for expert, name in EXPERT_NAMES.items()
    }


def wanted_outputs(experts: Any, made: Made) -> dict[str, Tensor]:
    """The outputs with `wanted_weights`, which are not those of the bare experts."""
    found = {}
    for expert, weights in wanted_weights(experts, made).items():
        model = getattr(experts, EXPERT_NAMES[expert])
        found[expert] = output(model, weights)
        assert (difference(found[expert], output(model)) > 1e-3) == bool(weights)
    return found


def check_output(
    experts: Any, made: Made, path: Path, mode: Mode, wanted: Mapping[str, Tensor] | None = None
) -> None:
    """Both experts give the merge's output, and no key is left over."""
    wanted = wanted or wanted_outputs(experts, made)
    with apply(experts, [item("a", STRENGTH, both=made.save(path))], mode) as stack:
        report = stack.loras["a"]
        for expert, name in EXPERT_NAMES.items():
            assert difference(output(getattr(experts, name)), wanted[expert]) <= TOLERANCE
    assert report["unknown"] == [] and report["ignored"] == {}
    for expert, coverage in report["coverage"].items():
        assert coverage == dict.fromkeys(("matched", "total"), len(layers_of(made.exact[expert])))


def layers_of(changes: Mapping[str, Change]) -> set[str]:
    return {parameter.rsplit(".", 1)[0] for parameter in changes}


def check_rounding(experts: Any, made: Made, path: Path, wanted: Wanted | None = None) -> None:
    """Merged bf16 weights are the float64 merge rounded once; nothing else changes.

    Those that diffusers keeps in fp32 are summed in their own precision.
    """
    wanted = wanted or wanted_weights(experts, made)
    before, equal = state(experts), []
    with apply(experts, [item("a", STRENGTH, both=made.save(path))], "merge"):
        for expert, name in EXPERT_NAMES.items():
            for parameter, found in getattr(experts, name).named_parameters():
                goal = wanted[expert].get(parameter)
                if goal is None:
                    assert same_bytes(found, before[f"{name}.{parameter}"])
                elif found.dtype == torch.float32:
                    torch.testing.assert_close(found, goal, rtol=1e-5, atol=1e-6)
                else:
                    equal.append((found == goal).flatten())
    assert float(torch.cat(equal).double().mean()) >= 0.999
