"""What is done with a file by what a scanner says of it, as the settings want it."""

from __future__ import annotations

import json
import logging
import os
import shutil
import time
from importlib.metadata import entry_points
from pathlib import Path

from wan_lora_studio.errors import UploadError
from wan_lora_studio.filesystem import replace
from wan_lora_studio.scanning.clamd import ClamdScanner
from wan_lora_studio.scanning.verdict import Scanner, Verdict
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say

GROUP = "wan_lora_studio.scanners"
QUARANTINE = "quarantine"  # in the data folder

logger = logging.getLogger(__name__)


def scanner_of(settings: Settings) -> Scanner | None:
    """The one that the settings name; None where nothing is to be scanned."""
    if settings.malware_scan == "off":
        return None
    for found in entry_points(group=GROUP):
        made: Scanner = found.load()(settings)
        return made
    return ClamdScanner(settings.clamd, settings.clamd_max_mb)


def require_harmless(
    settings: Settings, path: Path, filename: str, scanner: Scanner | None = None
) -> Verdict:
    """Scan a file that has arrived. Raises UploadError for one that is infected, which then lies
    in the quarantine, and where scanning is required for one that was not scanned."""
    scanner = scanner or scanner_of(settings)
    if scanner is None:
        return Verdict("unscanned", say("scanning.off"))
    with path.open("rb") as file:
        verdict = scanner.scan(file, path.stat().st_size)
    if verdict.state == "infected":
        _quarantine(settings, path, filename, verdict)
        raise UploadError(
            say("scanning.infected", file=filename, found=verdict.why),
            suggestions=[say("scanning.do_not_use")],
            context={"reason": "infected"},
        )
    if verdict.state == "unscanned":
        if settings.malware_scan == "require":
            raise UploadError(
                say("scanning.required", file=filename, why=verdict.why),
                suggestions=[say("scanning.start_clamd")],
                context={"reason": "unscanned"},
            )
        logger.warning("%s was not scanned for malware: %s", filename, verdict.why)
    return verdict


def _quarantine(settings: Settings, path: Path, filename: str, verdict: Verdict) -> None:
    """Move it where nothing reads it, with a note of what it was. If that cannot be done, the
    file goes with its stage."""
    folder = settings.data_dir / QUARANTINE
    name = time.strftime("%Y%m%d-%H%M%S-") + os.urandom(4).hex()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        note = {"filename": filename, "found": verdict.why, "time": time.time()}
        (folder / f"{name}.json").write_text(json.dumps(note), encoding="utf-8")
        target = folder / f"{name}.infected"
        try:
            replace(path, target)
        except OSError:  # another file system
            shutil.copyfile(path, target)
        target.chmod(0o400)
    except OSError as error:
        logger.warning("%s could not be put into the quarantine: %s", filename, error)
