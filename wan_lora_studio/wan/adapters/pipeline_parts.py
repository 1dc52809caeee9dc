"""Transformers of a pipeline: the one or two that sample, by expert.

No torch is needed to look; what is not there is not asked for its weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from wan_lora_studio.lora.roles import EXPERTS, Expert

TRANSFORMERS: Mapping[Expert, str] = MappingProxyType(
    {"high": "transformer", "low": "transformer_2"}
)


def transformers_of(pipeline: Any) -> dict[Expert, Any]:
    """By expert, in sampling order; one that serves as both is one.

    A transformer itself counts as a pipeline of one. diffusers' own pipelines never sample with
    a second transformer while their `boundary_ratio` is None, so it is left out.
    """
    found: dict[Expert, Any] = {}
    for expert in EXPERTS:
        model = getattr(pipeline, TRANSFORMERS[expert], None)
        if model is not None and not any(model is other for other in found.values()):
            found[expert] = model
    if len(found) > 1 and _second_is_idle(pipeline):
        del found["low"]
    if not found and hasattr(pipeline, "blocks") and hasattr(pipeline, "named_modules"):
        found["high"] = pipeline
    return found


def config_of_part(part: Any) -> Mapping[str, Any]:
    """The config of a pipeline or one of its parts, as diffusers keeps it; empty without one."""
    config = getattr(part, "config", None)
    if isinstance(config, Mapping):
        return config
    return getattr(config, "__dict__", {})


def _second_is_idle(pipeline: Any) -> bool:
    config = config_of_part(pipeline)
    stock = type(pipeline).__module__.startswith("diffusers.")
    return stock and "boundary_ratio" in config and config["boundary_ratio"] is None
