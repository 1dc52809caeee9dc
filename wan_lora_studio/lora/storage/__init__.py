"""Storage: the library's durable state, where a change happens completely or not at all.

The catalogue, the journal of moves, files on their way in, the trash. It does not know what a
library shows, nor how LoRAs are paired.
"""

from __future__ import annotations

from wan_lora_studio.lora.storage.catalog import (
    MOVED_TABLES,
    Catalog,
    Usage,
    bump_revision,
    save_data_hash,
    save_role,
)
from wan_lora_studio.lora.storage.edits import Edits, save_edits
from wan_lora_studio.lora.storage.file_rows import FileRow, some_rows
from wan_lora_studio.lora.storage.journal import Journal
from wan_lora_studio.lora.storage.links import moves_of
from wan_lora_studio.lora.storage.load_history import (
    Experience,
    Lesson,
    Load,
    Measured,
    read_loads,
    save_load,
)
from wan_lora_studio.lora.storage.missing_folder import folder_gone
from wan_lora_studio.lora.storage.moves import Move, make_folder, missing_folders
from wan_lora_studio.lora.storage.pairings import HandPairs, move_pairings, save_pairing
from wan_lora_studio.lora.storage.received_file import ReceivedFile
from wan_lora_studio.lora.storage.scan_cache import FormStore, ScanCache, save_forms
from wan_lora_studio.lora.storage.staged_file import (
    StagedFile,
    checked_stem,
    not_a_lora,
    stage_file,
    stage_stream,
    validated,
)
from wan_lora_studio.lora.storage.staged_sidecar import StagedSidecar
from wan_lora_studio.lora.storage.staging_area import (
    discard_stages,
    step_path,
    sweep_stages,
    write_step,
)
from wan_lora_studio.lora.storage.trash import Trash
from wan_lora_studio.lora.storage.trash_entries import Trashed

__all__ = [
    "MOVED_TABLES",
    "Catalog",
    "Edits",
    "Experience",
    "FileRow",
    "FormStore",
    "HandPairs",
    "Journal",
    "Lesson",
    "Load",
    "Measured",
    "Move",
    "ReceivedFile",
    "ScanCache",
    "StagedFile",
    "StagedSidecar",
    "Trash",
    "Trashed",
    "Usage",
    "bump_revision",
    "checked_stem",
    "discard_stages",
    "folder_gone",
    "make_folder",
    "missing_folders",
    "move_pairings",
    "moves_of",
    "not_a_lora",
    "read_loads",
    "save_data_hash",
    "save_edits",
    "save_forms",
    "save_load",
    "save_pairing",
    "save_role",
    "some_rows",
    "stage_file",
    "stage_stream",
    "step_path",
    "sweep_stages",
    "validated",
    "write_step",
]
