"""Speed: other attention and compiled blocks, where they work on this machine.

Each is tried on a few numbers first; what fails there is not used, and the reason is told.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.attention_dispatch import (
    AttentionBackendName,
    _check_attention_backend_requirements,
    dispatch_attention_fn,
)
from torch import Tensor, nn

from wan_lora_studio.settings import Attention, Settings
from wan_lora_studio.texts import say
from wan_lora_studio.wan.adapters import custody_of, transformers_of
from wan_lora_studio.wan.models.needs import Offload

logger = logging.getLogger(__name__)

NATIVE = "native"
BACKENDS: dict[Attention, AttentionBackendName] = {
    "flash": AttentionBackendName.FLASH,
    "flash_3": AttentionBackendName._FLASH_3,
    "sage": AttentionBackendName.SAGE,
    "xformers": AttentionBackendName.XFORMERS,
}
TRIAL_SHAPE = (1, 128, 2)  # batch, tokens, heads
FARTHEST = 0.1  # from torch's own result, relative: sage computes in 8 bits
MOVING: frozenset[Offload] = frozenset({"model", "group"})


@dataclass(frozen=True)
class Speed:
    """Which attention is used, and whether blocks are compiled. `remarks` say, a sentence
    each, why what was asked for is not."""

    attention: str = NATIVE
    compiled: bool = False
    remarks: tuple[str, ...] = ()


def speed_up(pipeline: Any, settings: Settings, device: torch.device, offload: Offload) -> Speed:
    """Give the pipeline's transformers what the settings ask for and the machine can do."""
    models = list(transformers_of(pipeline).values())
    attention, slow = _attention(models, settings.attention, device)
    compiled, uncompiled = _compile(models, settings, device, offload)
    return Speed(attention, compiled, tuple(each for each in (slow, uncompiled) if each))


def uncompile(pipeline: Any) -> None:
    """Have the blocks run as they are written again; what was compiled sees no later hooks."""
    for model in transformers_of(pipeline).values():
        for module in model.modules():
            module._compiled_call_impl = None


def _attention(models: Sequence[Any], wanted: Attention, device: torch.device) -> tuple[str, str]:
    """The attention that is used, and why it is not the one that was asked for."""
    backend = BACKENDS.get(wanted)
    if backend is None:
        return NATIVE, ""
    config = models[0].config
    try:
        _check_attention_backend_requirements(backend)
        _try_attention(backend, int(config.attention_head_dim), device, models[0].dtype)
        for model in models:
            model.set_attention_backend(backend.value)
    except Exception as error:  # any kind: it is the code of others, for other machines
        logger.warning("the attention %r does not work here", wanted, exc_info=True)
        return NATIVE, say("wan.models.speed.plain_attention", problem=_first_sentence(error))
    return wanted, ""


def _try_attention(
    backend: AttentionBackendName, head_dim: int, device: torch.device, dtype: torch.dtype
) -> None:
    """Raise where it fails or its result is another one than torch's."""
    draws = torch.Generator("cpu").manual_seed(0)
    query, key, value = (
        torch.randn(*TRIAL_SHAPE, head_dim, generator=draws).to(device, dtype) for _ in range(3)
    )
    with torch.no_grad():
        found: Tensor = dispatch_attention_fn(query, key, value, backend=backend)
        right: Tensor = dispatch_attention_fn(
            query, key, value, backend=AttentionBackendName.NATIVE
        )
    if found.shape != right.shape:
        raise ValueError(say("wan.models.speed.other_shape"))
    distance = (found.float() - right.float()).norm() / right.float().norm()
    if not float(distance) <= FARTHEST:  # NaN is none either
        raise ValueError(say("wan.models.speed.wrong_numbers"))


def _compile(
    models: Sequence[Any], settings: Settings, device: torch.device, offload: Offload
) -> tuple[bool, str]:
    """Whether the blocks are compiled now, and why they are not though it is wanted."""
    if not settings.compile_blocks:
        return False, ""
    why = _uncompilable(models, settings, offload)
    if not why:
        try:
            _try_compiler(device)
            for model in models:
                model.compile_repeated_blocks()
        except Exception as error:  # any kind: compilers differ from machine to machine
            logger.warning("the blocks cannot be compiled", exc_info=True)
            why = _first_sentence(error)
    return not why, say("wan.models.speed.not_compiled", problem=why) if why else ""


def _try_compiler(device: torch.device) -> None:
    """Raise where there is none: the blocks themselves are compiled at their first use."""
    trial = nn.Linear(8, 8).to(device)
    trial.compile()
    with torch.no_grad():
        trial(torch.zeros(2, 8, device=device))


def _uncompilable(models: Sequence[Any], settings: Settings, offload: Offload) -> str:
    if offload in MOVING:
        return say("wan.models.speed.moving")
    if any(custody_of(model).presence is not None for model in models):
        return say("wan.models.speed.on_call")
    plain = all(
        type(parameter) is nn.Parameter and parameter.itemsize >= 2
        for model in models
        for parameter in model.parameters()
    )
    if not plain:
        return say("wan.models.speed.quantised")
    if settings.first_block_cache:
        return say("wan.models.speed.first_block_cache")
    return ""


def _first_sentence(error: Exception) -> str:
    text = (str(error) or type(error).__name__).strip().splitlines()[0]
    return text if text.endswith(".") else f"{text}."
