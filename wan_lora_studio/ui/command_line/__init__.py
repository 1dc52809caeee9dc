"""The command line: its arguments, what they start and what is printed.

Gradio and torch are loaded only by what needs them.
"""

from __future__ import annotations

from wan_lora_studio.ui.command_line.entry import main

__all__ = [
    "main",
]
