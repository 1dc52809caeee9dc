"""Command name: how the user starts the app, for texts that say what to run."""

from __future__ import annotations

from wan_lora_studio.shipped import IS_INSTALLED

COMMAND = "wan-lora-studio" if IS_INSTALLED else "python app.py"
