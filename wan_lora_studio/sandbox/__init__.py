"""The sandbox: what strangers made is read in processes that can reach nothing else.

Pictures and videos are decoded there, and pickles become safetensors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wan_lora_studio.lazy_exports import on_first_use

if TYPE_CHECKING:
    from wan_lora_studio.sandbox.conversion import convert_pickle
    from wan_lora_studio.sandbox.decoding import Frame, decoder
    from wan_lora_studio.sandbox.refusals import RefusedError

__all__ = ["Frame", "RefusedError", "convert_pickle", "decoder"]

__getattr__ = on_first_use(
    __name__,
    {
        "Frame": "decoding",
        "RefusedError": "refusals",
        "convert_pickle": "conversion",
        "decoder": "decoding",
    },
)
