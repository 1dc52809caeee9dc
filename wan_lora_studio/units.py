"""Units of size, the same wherever one is shown, set or compared.

A megabyte is 1,000,000 bytes, as disks and downloads count it: a file of 7,997,489 bytes has
8.0 MB in a record, on the page, in a message and against a limit. The page's script has the same
in `lora_ui/assets/kit/format.js`.
"""

from __future__ import annotations

MB = 1_000_000


def from_mb(megabytes: float) -> int:
    """In bytes."""
    return int(megabytes * MB)
