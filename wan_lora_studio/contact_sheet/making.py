"""Making a sheet: the program that draws it, in a process of its own with a time limit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

from wan_lora_studio.contact_sheet.sheet import Kind, Sheet
from wan_lora_studio.errors import GenerationError
from wan_lora_studio.texts import say

PROGRAM = "wan_lora_studio.contact_sheet.program"
SOURCES = Path(__file__).resolve().parent.parent.parent
SECONDS = 900
AT_ONCE = 1


class SheetMaker:
    """Draws one sheet at a time; others wait for their turn."""

    def __init__(self) -> None:
        self._turn = threading.BoundedSemaphore(AT_ONCE)

    def make(self, kind: Kind, sheet: Sheet, target: Path) -> None:
        """Write the sheet to `target`. Raises GenerationError if that cannot be done."""
        command = [sys.executable, "-P", "-m", PROGRAM, kind, str(target)]
        places = os.pathsep.join(filter(None, (str(SOURCES), os.environ.get("PYTHONPATH"))))
        try:
            with self._turn:
                subprocess.run(
                    command,
                    input=json.dumps(sheet.to_dict()).encode(),
                    env={**os.environ, "PYTHONPATH": places},
                    capture_output=True,
                    timeout=SECONDS,
                    check=True,
                )
        except (subprocess.SubprocessError, OSError) as error:
            target.unlink(missing_ok=True)
            raise GenerationError(
                say("contact_sheet.not_made"),
                cause=say("contact_sheet.not_made_cause"),
                suggestions=[say("contact_sheet.check")],
                context={"cause": str(error), "details": _said(error)},
            ) from error


def _said(error: Exception) -> str:
    said = getattr(error, "stderr", None) or b""
    return bytes(said).decode(errors="replace")[-2000:]
