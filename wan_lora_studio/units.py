"""Units of size, the same wherever one is shown, set or compared.

A megabyte is 1,000,000 bytes, as disks and downloads count it: a file of 7,997,489 bytes has
8.0 MB in a record, on the page, in a message and against a limit. The page's script has the same
in `lora_ui/assets/kit/format.js`.
"""

from __future__ import annotations

from wan_lora_studio.texts import say

MB = 1_000_000
UNITS = ((1000 * MB, "GB"), (MB, "MB"), (1000, "KB"), (1, "bytes"))


def from_mb(megabytes: float) -> int:
    """In bytes."""
    return int(megabytes * MB)


def in_gb(size: float) -> str:
    """Bytes in words: "126.2 GB", or in MB what is less than a tenth of that."""
    return f"{size / MB / 1000:.1f} GB" if size >= 100 * MB else f"{size / MB:.1f} MB"


def in_part(size: float, whole: float) -> str:
    """So many bytes of so many, in words: "320 of 641 KB", "1.2 of 3.4 GB"."""
    unit, name = next((each for each in UNITS if whole >= each[0]), UNITS[-1])
    digits = 0 if whole >= 100 * unit or unit == 1 else 1
    done, all_of_it = f"{size / unit:.{digits}f}", f"{whole / unit:.{digits}f}"
    return say("units.part", done=done, whole=all_of_it, unit=name)


def in_time(seconds: float) -> str:
    """Seconds in words: "45 s", "12 min", "3 h 20 min"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return say("units.hours", hours=hours, minutes=minutes) if hours else f"{minutes} min"
