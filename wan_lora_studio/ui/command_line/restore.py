"""Restore command: list the copies of the app's own files, or bring one back."""

from __future__ import annotations

import argparse

from wan_lora_studio.backups import Copies
from wan_lora_studio.command_name import COMMAND
from wan_lora_studio.errors import StorageError
from wan_lora_studio.jobs.supervisor import is_running
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say


def run_restore(arguments: argparse.Namespace, settings: Settings) -> int:
    """What goes wrong is raised as a StudioError."""
    copies = Copies(settings)
    if arguments.file is None:
        print("\n".join(_listed(copies)))
        return 0
    if is_running(settings.data_dir):
        raise StorageError(
            say("ui.command_line.restore.running"),
            cause=say("ui.command_line.restore.running_cause"),
            suggestions=[say("ui.command_line.restore.close")],
        )
    copy, was = copies.restore(arguments.file, arguments.day)
    print(say("ui.command_line.restore.done", what=copy.file.called, day=copy.day.isoformat()))
    if copy.file.note:
        print(copy.file.note)
    if was is not None:
        print(say("ui.command_line.restore.kept", path=was))
    return 0


def _listed(copies: Copies) -> list[str]:
    found, lines = copies.all(), list(copies.notices())
    if not found:
        return [*lines, say("ui.command_line.restore.none")]
    lines.append(say("ui.command_line.restore.list", command=f"{COMMAND} restore NAME"))
    for name in dict.fromkeys(copy.file.name for copy in found):
        days = ", ".join(copy.day.isoformat() for copy in found if copy.file.name == name)
        lines.append(f"  {name:<12}{days}")
    return lines
