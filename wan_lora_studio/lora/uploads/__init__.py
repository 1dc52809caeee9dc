"""Uploads: one file, many files or an archive on their way into the library.

It takes bytes from anybody and gives whole LoRAs to the library; it knows nothing of HTTP.
"""

from __future__ import annotations

from wan_lora_studio.lora.uploads.handler import LoRAUploadHandler

__all__ = [
    "LoRAUploadHandler",
]
