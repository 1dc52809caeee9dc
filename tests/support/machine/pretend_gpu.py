"""Stands for a GPU of a given size: torch and diffusers say that it is there, and what would be
computed on it is computed on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline, ModelMixin
from transformers import PreTrainedModel

from wan_lora_studio.wan.models import speed, streaming

GB = 10**9


class PretendGPU:
    """`total`, `free` and `held`, by this process, in bytes; `refusals` is how often moving a
    whole model there fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, total: int = 100 * GB) -> None:
        self.total = self.free = total
        self.held = 0
        self.refusals = 0
        self.moved: list[str] = []
        self.parts_moved: list[tuple[str, str]] = []
        cuda = {
            "is_available": lambda: True,
            "device_count": lambda: 1,
            "get_device_properties": lambda _=None: SimpleNamespace(total_memory=self.total),
            "get_device_name": lambda _=None: "Pretend",
            "mem_get_info": lambda _=None: (self.free, self.total),
            "memory_reserved": lambda _=None: self.held,
            "empty_cache": lambda: None,
        }
        for name, answer in cuda.items():
            monkeypatch.setattr(torch.cuda, name, answer)
        monkeypatch.setattr(torch.accelerator, "empty_host_cache", lambda: None)
        real_to, real_offload = DiffusionPipeline.to, DiffusionPipeline.enable_model_cpu_offload

        def to(pipeline: Any, device: Any, *args: Any, **options: Any) -> Any:
            kind = torch.device(device).type
            self.moved.append(kind)
            if kind == "cuda" and self.refusals:
                self.refusals -= 1
                raise torch.OutOfMemoryError("no memory is left for the model")
            return real_to(pipeline, "cpu", *args, **options)

        def offload(pipeline: Any, device: Any = None) -> None:
            self.moved.append("offload")
            real_offload(pipeline, device="cpu")

        real_groups = streaming.apply_group_offloading

        def here(real: Callable[..., Any]) -> Callable[..., Any]:
            def module_to(module: Any, *args: Any, **options: Any) -> Any:
                self.parts_moved.append((type(module).__name__, str(args[0])))
                places = ["cpu" if str(each).startswith("cuda") else each for each in args]
                return real(module, *places, **options)

            return module_to

        def groups(module: Any, **options: Any) -> None:
            self.moved.append("groups")
            told = {"onload_device": torch.device("cpu"), "use_stream": False}
            real_groups(module, **{**options, **told, "low_cpu_mem_usage": False})

        real_compiler = speed._try_compiler
        monkeypatch.setattr(speed, "_try_compiler", lambda _: real_compiler(torch.device("cpu")))
        for kind in (ModelMixin, PreTrainedModel):
            monkeypatch.setattr(kind, "to", here(kind.to))
        monkeypatch.setattr(streaming, "apply_group_offloading", groups)
        monkeypatch.setattr(DiffusionPipeline, "to", to)
        monkeypatch.setattr(DiffusionPipeline, "enable_model_cpu_offload", offload)
