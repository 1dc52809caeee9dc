"""Static files: where the extension's css and js are."""

from __future__ import annotations

from pathlib import Path

ASSETS = Path(__file__).parent / "assets"
ASSETS_URL = "/lora_ui/assets"

# In this order: what comes later wins where two rules are alike.
STYLES = (
    "tokens.css",
    "colours.css",
    "lora.css",
    "controls.css",
    "tab.css",
    "filters.css",
    "frames.css",
    "cards.css",
    "uploads.css",
    "stack.css",
    "strength.css",
    "schedule.css",
    "sets.css",
    "grid.css",
    "dialogs.css",
    "details.css",
)
HOST_STYLES = (*STYLES, "host_theme.css")  # in a page that is not ours: its colours and its font


def module_names() -> list[str]:
    """The scripts of the page, relative to the assets."""
    return sorted(path.relative_to(ASSETS).as_posix() for path in ASSETS.rglob("*.js"))
