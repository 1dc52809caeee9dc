"""Frames of a video, decoded in a process of their own that has a time limit.

A decoder is much code for a file that may come from anywhere: what goes wrong in it ends that
process, not the page's.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.filesystem import replace
from wan_lora_studio.texts import say

DECODER = Path(__file__).with_name("frame_decoder.py")
SECONDS = 60
AT_ONCE = 2


class VideoPictures:
    """Frames of videos as pictures; posters are kept in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._turn = threading.BoundedSemaphore(AT_ONCE)

    def last_frame(self, video: Path) -> bytes:
        """The last frame as PNG. Raises GenerationError if there is none."""
        return self._decoded(video, "last")

    def poster(self, video: Path, name: str) -> Path:
        """The middle frame as JPEG; made once for each `name`."""
        target = self._folder / f"{name}.jpg"
        if not target.is_file():
            picture = self._decoded(video, "middle")
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                dir=self._folder, suffix=".part", delete=False
            ) as part:
                part.write(picture)
            replace(Path(part.name), target)
        return target

    def _decoded(self, video: Path, which: str) -> bytes:
        command = [sys.executable, "-I", str(DECODER), which, str(video)]
        try:
            with self._turn:
                done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=True)
        except (subprocess.SubprocessError, OSError) as error:
            raise GenerationError(
                say("results.not_decoded", file=video.name),
                suggestions=[say("results.try_a_player")],
                context={"cause": str(error)},
            ) from error
        return done.stdout
