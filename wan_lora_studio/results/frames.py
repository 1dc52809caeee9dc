"""Frames of a video as pictures, decoded where nothing else can be reached."""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.filesystem import replace
from wan_lora_studio.media import open_media
from wan_lora_studio.sandbox import Frame, RefusedError, decoder
from wan_lora_studio.texts import say

LONGEST_SIDE = 4096  # pixels; a frame that is larger is made smaller
POSTER_QUALITY = 88  # of 100, JPEG


class VideoPictures:
    """Frames of videos as pictures; posters are kept in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def last_frame(self, video: Path) -> Image.Image:
        """The last frame in RGB. Raises GenerationError if there is none."""
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
                picture.save(part, "JPEG", quality=POSTER_QUALITY)
            replace(Path(part.name), target)
        return target

    def _decoded(self, video: Path, which: Frame) -> Image.Image:
        found = open_media(video, "video/")
        if found is None:
            raise _not_decoded(video, "no video")
        try:
            with found.file:
                return decoder.frame(found.file, found.media_type, which, LONGEST_SIDE)
        except RefusedError as error:
            raise _not_decoded(video, str(error)) from error


def _not_decoded(video: Path, cause: str) -> GenerationError:
    return GenerationError(
        say("results.not_decoded", file=video.name),
        suggestions=[say("results.try_a_player")],
        context={"cause": cause},
    )
