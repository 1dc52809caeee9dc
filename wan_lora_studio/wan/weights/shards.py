"""Shards: the safetensors files of which a component's weights consist. No torch here."""

from __future__ import annotations

from pathlib import Path

from wan_lora_studio.texts import say
from wan_lora_studio.untrusted_json import UntrustedJSONError, read_object
from wan_lora_studio.wan.weights.refusals import unusable

ONE = "diffusion_pytorch_model.safetensors"
INDEX = f"{ONE}.index.json"


def shards_of(path: Path) -> list[Path]:
    """The file itself, or those of a folder: what its index lists, diffusers' one file, or all.

    Raises ModelLoadError for an index that cannot be read.
    """
    if not path.is_dir():
        return [path]
    if (index := path / INDEX).is_file():
        return sorted({path / Path(name).name for name in _listed(index)})
    one = path / ONE
    return [one] if one.is_file() else sorted(path.glob("*.safetensors"))


def _listed(index: Path) -> list[str]:
    try:
        named = read_object(index.read_bytes()).get("weight_map")
    except (OSError, UntrustedJSONError) as error:
        raise unusable(index, say("wan.weights.unreadable", problem=error)) from error
    files = list(named.values()) if isinstance(named, dict) else []
    if not files or not all(isinstance(name, str) for name in files):
        raise unusable(index, say("wan.weights.no_files"))
    return files
