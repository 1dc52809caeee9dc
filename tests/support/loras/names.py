"""File names of LoRAs as people publish them, with the expert that each is for, and the pairs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

WILD: dict[str, Any] = json.loads(
    Path(__file__).with_name("wild_names.json").read_text(encoding="utf-8")
)
