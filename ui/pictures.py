"""Input pictures for image-to-video, stored under an id so that no path leaves the server."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from PIL import Image

from utils import GenerationError

ID_LENGTH = 32
MAX_SIDE = 4096


class PictureStore:
    """A folder of PNG files named by their contents."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, picture: Image.Image) -> str:
        """Store a copy without metadata, at most `MAX_SIDE` pixels a side, and give its id."""
        picture = picture.convert("RGB")
        picture.thumbnail((MAX_SIDE, MAX_SIDE))
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".part", delete=False) as part:
            picture.save(part, "PNG")
        temporary = Path(part.name)
        key = hashlib.sha256(temporary.read_bytes()).hexdigest()[:ID_LENGTH]
        temporary.replace(self._path(key))
        return key

    def file(self, key: str) -> Path:
        """Where the picture is. Raises GenerationError if there is none under this id."""
        well_formed = len(key) == ID_LENGTH and set(key) <= set("0123456789abcdef")
        if not well_formed or not self._path(key).is_file():
            raise GenerationError(
                "The input picture is not on the server any more.",
                suggestions=["Choose the picture again."],
            )
        return self._path(key)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.png"
