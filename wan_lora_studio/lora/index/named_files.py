"""Named files: pairs among files of which only the names are known, by the rules for LoRAs."""

from __future__ import annotations

from collections.abc import Iterable

from wan_lora_studio.lora.index.entries import Entry, make_entries
from wan_lora_studio.lora.index.scanner import ScannedFile
from wan_lora_studio.lora.index.walk import Stamp
from wan_lora_studio.lora.inspection import Form, find_role, name_role
from wan_lora_studio.lora.names import composed, without_suffix


def entries_by_name(paths: Iterable[str]) -> list[Entry]:
    """The files as entries. Paths are those of safetensors files, parted by `/`."""
    return list(make_entries(map(_named, paths), {}).values())


class _NoForms:
    def get(self, key: str) -> Form:
        raise KeyError(key)


def _named(path: str) -> ScannedFile:
    return ScannedFile(
        path=path,
        stamp=Stamp(0, 0),
        forms=_NoForms(),
        form="",
        own="",
        error=None,
        sha256=None,
        evidence=find_role(set(), {}, path),
        model_hash="",
        named=name_role(composed(without_suffix(path.rpartition("/")[2]))),
        words="",
        said="",
    )
