"""`python -m wan_lora_studio`: the same command as `wan-lora-studio`."""

from __future__ import annotations

import sys

from wan_lora_studio.ui.command_line import main

if __name__ == "__main__":
    sys.exit(main())
