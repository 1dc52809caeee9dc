"""Precision: what a row's transformers are kept in, in a word or two. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.settings import ModelEntry
from wan_lora_studio.wan.components import TRANSFORMERS
from wan_lora_studio.wan.weights.gguf_header import is_gguf, read_gguf_header


def precision_of(entry: ModelEntry, files: Mapping[str, Path]) -> str:
    """The row's own precision, or for GGUF files the type that most of each is in, as `gguf Q5_K`.

    `files` are weights in place of the folder's, by component.
    """
    count = len(entry.experts)
    kinds = [_kind(files.get(part)) or entry.precision for part in TRANSFORMERS[:count]]
    return " and ".join(dict.fromkeys(kinds))


def _kind(path: Path | None) -> str | None:
    if path is None or not is_gguf(path):
        return None
    try:
        return f"gguf {read_gguf_header(path).kind}"
    except ModelLoadError:
        return "gguf"
