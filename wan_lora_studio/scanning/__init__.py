"""Scanning for malware: what a scanner is, ClamAV's daemon as one, and what follows from it.

Nothing is scanned unless the settings say so.
"""

from __future__ import annotations

from wan_lora_studio.scanning.policy import require_harmless

__all__ = ["require_harmless"]
