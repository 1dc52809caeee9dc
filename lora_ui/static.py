"""Static files: where the extension's css and js are."""

from __future__ import annotations

from pathlib import Path

ASSETS = Path(__file__).parent / "assets"
ASSETS_URL = "/lora_ui/assets"
