"""Where the page's own css and js are."""

from __future__ import annotations

from pathlib import Path

ASSETS = Path(__file__).parent / "assets"
