"""Input pictures for image-to-video, stored under an id so that no path leaves the server."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import BinaryIO

from PIL import Image, ImageOps

from ui.result_models import Picture
from utils import GenerationError

ID_LENGTH = 32
MAX_SIDE = 4096


class PictureStore:
    """A folder of PNG files named by their contents."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def store(self, file: BinaryIO) -> Picture:
        """Store the picture that a file holds. Raises GenerationError if it holds none."""
        try:
            with Image.open(file) as opened:
                picture = ImageOps.exif_transpose(opened) or opened
                return self.keep(picture)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise GenerationError(
                f"The picture cannot be opened: {error}.",
                suggestions=["Choose a PNG, JPEG or WebP picture."],
            ) from error

    def keep(self, picture: Image.Image) -> Picture:
        """Store a picture; gives its id, and its size as it is stored."""
        key = self.add(picture)
        with Image.open(self._path(key)) as stored:
            return Picture(id=key, width=stored.width, height=stored.height)

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
