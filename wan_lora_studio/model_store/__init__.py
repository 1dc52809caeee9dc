"""Model store: which files of the rows of the model table are here, and how to get the others.

It asks the hub, fetches, verifies and removes. It loads no model, needs no torch, and knows
neither tasks nor the page.
"""

from __future__ import annotations

from wan_lora_studio.model_store.downloads import Download, ModelDownloads
from wan_lora_studio.model_store.hub import Hub
from wan_lora_studio.model_store.listing import Listing, RemoteFile
from wan_lora_studio.model_store.plan import Piece, Plan
from wan_lora_studio.model_store.removal import Removal, removable
from wan_lora_studio.model_store.row_state import (
    RowFiles,
    installed_folder,
    row_files,
    sources,
    weights_in,
)

__all__ = [
    "Download",
    "Hub",
    "Listing",
    "ModelDownloads",
    "Piece",
    "Plan",
    "RemoteFile",
    "Removal",
    "RowFiles",
    "installed_folder",
    "removable",
    "row_files",
    "sources",
    "weights_in",
]
