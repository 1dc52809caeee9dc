"""Ways of keeping a model's weights off the GPU, on a machine that has none.

Moving to the CPU what is there already does nothing, so that what stands for a GPU here makes a
copy at each move, in whatever mode torch is in, as a real move does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any

import accelerate
import pytest
import torch
from accelerate.hooks import CpuOffload
from diffusers.hooks.group_offloading import ModuleGroup
from torch import Tensor, nn
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from wan_lora_studio.wan.adapters.layout import Layout

CPU = torch.device("cpu")
EXPERTS = ("transformer", "transformer_2")


def moves_make_copies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules that hooks move to a GPU and back get new tensors each time."""

    def moved(_: CpuOffload, module: nn.Module) -> nn.Module:
        return module._apply(torch.clone)

    def arrive(hook: CpuOffload, module: nn.Module, *args: Any, **named: Any) -> Any:
        if hook.prev_module_hook is not None:
            hook.prev_module_hook.offload()
        moved(hook, module)
        return args, named

    monkeypatch.setattr(CpuOffload, "init_hook", moved)
    monkeypatch.setattr(CpuOffload, "pre_forward", arrive)
    monkeypatch.setattr(ModuleGroup, "_transfer_tensor_to_device", _transfer)
    monkeypatch.setattr(ModuleGroup, "_pinned_memory_tensors", _not_pinned)


def _transfer(_: ModuleGroup, tensor: Tensor, source: Tensor, stream: Any) -> None:
    tensor.data = source.clone()


def _not_pinned(group: ModuleGroup) -> AbstractContextManager[Any]:
    return nullcontext(group.cpu_param_dict)


def model_offload(pipeline: Any) -> None:
    pipeline.enable_model_cpu_offload(device="cpu")


def groups(kind: str) -> Callable[[Any], None]:
    def offload(pipeline: Any) -> None:
        for model in experts_of(pipeline):
            blocks = {"num_blocks_per_group": 1} if kind == "block_level" else {}
            model.enable_group_offload(onload_device=CPU, offload_type=kind, **blocks)

    return offload


def streamed(pipeline: Any) -> None:
    """As `use_stream` keeps it: a host copy of each group, put back into the parameters."""
    groups("leaf_level")(pipeline)
    stream = SimpleNamespace(synchronize=lambda: None)
    for model in experts_of(pipeline):
        for module in model.modules():
            registry = getattr(module, "_diffusers_hook", None)
            hook = registry.get_hook("group_offloading") if registry else None
            if hook is None:
                continue
            group = hook.group
            group.stream, group.low_cpu_mem_usage = stream, True
            group._torch_accelerator_module = SimpleNamespace(
                stream=lambda _: nullcontext(), current_stream=lambda: stream
            )
            group.cpu_param_dict = group._init_cpu_param_dict()
            group.offload_()


def sequential(pipeline: Any) -> None:
    for model in experts_of(pipeline):
        accelerate.cpu_offload(model, CPU, offload_buffers=True)


STORAGES: dict[str, Callable[[Any], None]] = {
    "model": model_offload,
    "block groups": groups("block_level"),
    "leaf groups": groups("leaf_level"),
    "streamed groups": streamed,
    "sequential": sequential,
}


def experts_of(pipeline: Any) -> list[Any]:
    found = (getattr(pipeline, name, None) for name in EXPERTS)
    return [model for model in found if model is not None]


def weights_hash(pipeline: Any) -> str:
    """Of every weight of the experts, wherever hooks keep it."""
    found = hashlib.sha256()
    for model in experts_of(pipeline):
        for path, home in sorted(Layout.of(model).homes.items()):
            found.update(path.encode())
            for part in stored_parts(home.value):
                found.update(part.numpy().tobytes())
    return found.hexdigest()


def stored_parts(weight: Tensor) -> list[Tensor]:
    """The bytes of which a weight consists, which may be several tensors'."""
    names = weight.__tensor_flatten__()[0] if is_traceable_wrapper_subclass(weight) else ()
    parts = [getattr(weight, name) for name in names] or [weight]
    return [part.detach().contiguous().reshape(-1).view(torch.uint8) for part in parts]
