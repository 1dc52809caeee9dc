"""Index: what is in the library's folders now, in memory and cheap to ask.

It looks and remembers; it changes no file of a user.
"""

from __future__ import annotations

from wan_lora_studio.lora.index.entries import Entry, PairedBy
from wan_lora_studio.lora.index.entry_files import (
    Stem,
    all_paths,
    renamed_stem,
    stems_of,
    told_apart,
)
from wan_lora_studio.lora.index.fitting import fits_of, names_that_fit
from wan_lora_studio.lora.index.library_index import Clock, LibraryIndex
from wan_lora_studio.lora.index.name_lookup import Meant, close_names, meant_by
from wan_lora_studio.lora.index.named_files import entries_by_name
from wan_lora_studio.lora.index.page_data import display_data, info_summary
from wan_lora_studio.lora.index.pins import NO_PINS, PinnedFile, PinnedLoRA, Pins
from wan_lora_studio.lora.index.records import Held, Prepared, held_of, record_of, usable
from wan_lora_studio.lora.index.scanner import ScannedFile, row_of
from wan_lora_studio.lora.index.search import search_records
from wan_lora_studio.lora.index.thumbnail_cache import Row, ThumbnailCache
from wan_lora_studio.lora.index.verdicts import GivenModel
from wan_lora_studio.lora.index.walk import INODE_BITS, Stamp, Walk, extra_folders

__all__ = [
    "INODE_BITS",
    "NO_PINS",
    "Clock",
    "Entry",
    "GivenModel",
    "Held",
    "LibraryIndex",
    "Meant",
    "PairedBy",
    "PinnedFile",
    "PinnedLoRA",
    "Pins",
    "Prepared",
    "Row",
    "ScannedFile",
    "Stamp",
    "Stem",
    "ThumbnailCache",
    "Walk",
    "all_paths",
    "close_names",
    "display_data",
    "entries_by_name",
    "extra_folders",
    "fits_of",
    "held_of",
    "info_summary",
    "meant_by",
    "names_that_fit",
    "record_of",
    "renamed_stem",
    "row_of",
    "search_records",
    "stems_of",
    "told_apart",
    "usable",
]
