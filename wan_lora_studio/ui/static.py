"""Facts of the page that need no Gradio: its title, and where its css and js are."""

from __future__ import annotations

from pathlib import Path

ASSETS_URL = "/ui/assets"
HEALTH = "/healthz"  # for a watchdog that has no login; it tells nothing
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
TITLE = "Wan2.2 LoRA Studio"


ASSETS = Path(__file__).parent / "assets"
