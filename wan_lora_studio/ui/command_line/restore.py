"""Restore command: list the copies of the app's own files, or bring one back."""

from __future__ import annotations

import argparse

from wan_lora_studio.backups import Copies
from wan_lora_studio.command_name import COMMAND
from wan_lora_studio.errors import StorageError
from wan_lora_studio.jobs.supervisor import is_running
from wan_lora_studio.settings import Settings


def run_restore(arguments: argparse.Namespace, settings: Settings) -> int:
    """What goes wrong is raised as a StudioError."""
    copies = Copies(settings)
    if arguments.file is None:
        print("\n".join(_listed(copies)))
        return 0
    if is_running(settings.data_dir):
        raise StorageError(
            "The app is running on these folders, so nothing can be put in their place.",
            cause="A running app would go on with what it has in memory.",
            suggestions=["Close the app, run this command again, then start the app."],
        )
    copy, was = copies.restore(arguments.file, arguments.day)
    print(f"{copy.file.called} is as it was on {copy.day.isoformat()}.")
    if copy.file.note:
        print(copy.file.note)
    if was is not None:
        print(f"What was there before is kept as {was}.")
    return 0


def _listed(copies: Copies) -> list[str]:
    found, lines = copies.all(), list(copies.notices())
    if not found:
        return [*lines, "There are no copies yet. The app makes one a day while it runs."]
    lines.append(f"Copies, the newest first. '{COMMAND} restore NAME' brings one back.")
    for name in dict.fromkeys(copy.file.name for copy in found):
        days = ", ".join(copy.day.isoformat() for copy in found if copy.file.name == name)
        lines.append(f"  {name:<12}{days}")
    return lines
