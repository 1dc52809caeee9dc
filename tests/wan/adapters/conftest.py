"""What the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from tests.support.applying import MODES, assert_bit_identical, state, two_experts
from wan_lora_studio.wan.adapters.apply_mode import Mode


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> Mode:
    found: Mode = request.param
    return found


@pytest.fixture(scope="module")
def fp32_experts() -> Any:
    return two_experts()


@pytest.fixture(scope="module")
def bf16_experts() -> Any:
    return two_experts(torch.bfloat16)


@pytest.fixture
def experts(fp32_experts: Any) -> Iterator[Any]:
    """An fp32 pair that must be as before, to the last bit, when the test ends."""
    before = state(fp32_experts)
    yield fp32_experts
    assert_bit_identical(fp32_experts, before)


@pytest.fixture
def half_experts(bf16_experts: Any) -> Iterator[Any]:
    """As `experts`, in bf16."""
    before = state(bf16_experts)
    yield bf16_experts
    assert_bit_identical(bf16_experts, before)
