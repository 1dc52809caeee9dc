"""Step cache: steps that leave out most blocks, as their first one hardly changes.

diffusers' first-block cache, on for one run only, so that no run sees what another kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from diffusers import FirstBlockCacheConfig

from wan_lora_studio.wan.adapters import transformers_of


@contextmanager
def first_block_cache(pipeline: Any, threshold: float) -> Iterator[None]:
    """On inside; 0 leaves every step whole. `threshold` is the share by which the first block's
    change may differ from that of the last whole step."""
    with ExitStack() as undo:
        for model in transformers_of(pipeline).values() if threshold else ():
            model.enable_cache(FirstBlockCacheConfig(threshold=threshold))
            undo.callback(model.disable_cache)
        yield
