"""Weights: reading the parts of a model onto the host, from folders and from files of other tools.

What can be refused is refused by a file's header. What needs torch is loaded on first use. It
knows no device and no pipeline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wan_lora_studio.lazy_exports import on_first_use
from wan_lora_studio.wan.weights.gguf_header import gguf_header_in, is_gguf, read_gguf_header
from wan_lora_studio.wan.weights.precision import precision_of
from wan_lora_studio.wan.weights.weight_names import SCALES, prefix_of

if TYPE_CHECKING:
    from wan_lora_studio.wan.weights.decoder import DECODER_TYPE, DecoderReader
    from wan_lora_studio.wan.weights.encoder import EncoderReader
    from wan_lora_studio.wan.weights.experts import expert_readers
    from wan_lora_studio.wan.weights.load_errors import reading, require_sound
    from wan_lora_studio.wan.weights.part_sizes import (
        parameter_bytes,
        weights_in_memory,
        weights_on_host,
    )

__all__ = [
    "DECODER_TYPE",
    "SCALES",
    "DecoderReader",
    "EncoderReader",
    "expert_readers",
    "gguf_header_in",
    "is_gguf",
    "parameter_bytes",
    "precision_of",
    "prefix_of",
    "read_gguf_header",
    "reading",
    "require_sound",
    "weights_in_memory",
    "weights_on_host",
]

__getattr__ = on_first_use(
    __name__,
    {
        "DECODER_TYPE": "decoder",
        "DecoderReader": "decoder",
        "EncoderReader": "encoder",
        "expert_readers": "experts",
        "parameter_bytes": "part_sizes",
        "reading": "load_errors",
        "require_sound": "load_errors",
        "weights_in_memory": "part_sizes",
        "weights_on_host": "part_sizes",
    },
)
