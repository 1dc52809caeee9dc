"""Which factors are on the accelerator: those of the expert that samples.

torch's meta device stands for the accelerator: it has shapes and a device, and no memory.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from tests.support.applying import item, output, shapes_of, two_experts
from tests.support.loras import weights as lora_weights
from tests.support.tiny_models import tiny_inputs
from wan_lora_studio.wan.adapters.stack import applied_stack


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = lora_weights.lora_file(shapes_of(two_experts()), lora_weights.kohya)
    return made.save(tmp_path / "a.safetensors")


def forward(model: Any) -> None:
    inputs = {name: part.to("meta") for name, part in tiny_inputs().items()}
    with torch.no_grad():
        assert model(**inputs, return_dict=False)[0].device.type == "meta"


def test_the_idle_experts_factors_leave(file: Path) -> None:
    experts = two_experts()
    pipeline = SimpleNamespace(
        transformer=experts.transformer.to("meta"), transformer_2=experts.transformer_2.to("meta")
    )
    with applied_stack(pipeline, [item("a", 1.0, both=file)], mode="runtime") as stack:
        assert stack.resident_bytes() == {"high": 0, "low": 0}
        forward(pipeline.transformer)
        resident = stack.resident_bytes()
        assert resident["high"] > 0 and resident["low"] == 0
        forward(pipeline.transformer_2)
        assert stack.resident_bytes() == {"high": 0, "low": resident["high"]}


def test_on_the_host_nothing_is_resident(file: Path) -> None:
    pipeline = two_experts()
    with applied_stack(pipeline, [item("a", 1.0, both=file)], mode="runtime") as stack:
        output(pipeline.transformer)
        assert stack.resident_bytes() == {"high": 0, "low": 0}
