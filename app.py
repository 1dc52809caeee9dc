"""Wan2.2 LoRA Studio: `python app.py` serves the page, `python app.py generate` makes a video."""

from __future__ import annotations

import sys

from wan_lora_studio.ui.command_line import main

if __name__ == "__main__":
    sys.exit(main())
