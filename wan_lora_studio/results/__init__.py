"""Results: the finished videos, found, read, deleted and made again.

It knows files and settings; it runs nothing and knows no page.
"""

from __future__ import annotations

from wan_lora_studio.results.facts import (
    NUMBERS,
    TEXTS,
    WHOLE,
    VideoFacts,
    is_number,
    is_whole,
    no_settings,
)
from wan_lora_studio.results.folder import facts_in
from wan_lora_studio.results.library import ResultLibrary, ResultPage
from wan_lora_studio.results.query import ResultQuery
from wan_lora_studio.results.reading import read_facts
from wan_lora_studio.results.restoring import Restored, hashed_records, restore
from wan_lora_studio.results.rows import Result
from wan_lora_studio.results.trash_listing import Discarded

__all__ = [
    "NUMBERS",
    "TEXTS",
    "WHOLE",
    "Discarded",
    "Restored",
    "Result",
    "ResultLibrary",
    "ResultPage",
    "ResultQuery",
    "VideoFacts",
    "facts_in",
    "hashed_records",
    "is_number",
    "is_whole",
    "no_settings",
    "read_facts",
    "restore",
]
