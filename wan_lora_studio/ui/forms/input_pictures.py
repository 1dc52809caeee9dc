"""Input pictures for image-to-video, stored under an id so that no path leaves the server."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image
from pydantic import BaseModel

from wan_lora_studio.errors import GenerationError, StorageError
from wan_lora_studio.filesystem import replace
from wan_lora_studio.lora.files import NoPictureError, read_picture
from wan_lora_studio.texts import say
from wan_lora_studio.ui.forms.cropping import cropped, padded
from wan_lora_studio.ui.messages import picture_gone

ID_LENGTH = 32
MAX_SIDE = 4096
OWN_FORMAT = ("PNG",)
WHOLE = {"x": 0, "y": 0, "width": 1, "height": 1}


class PictureStore:
    """A folder of PNG files named by their contents."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def store(self, file: BinaryIO) -> Picture:
        """Store the picture that a file holds. Raises GenerationError if it holds none."""
        try:
            picture = read_picture(file)
        except NoPictureError as error:
            raise GenerationError(
                say("ui.forms.picture_unreadable"),
                suggestions=[say("ui.forms.choose_picture")],
            ) from error
        return self.keep(picture)

    def keep(self, picture: Image.Image) -> Picture:
        """Store a picture; gives its id, and its size as it is stored."""
        key = self.add(picture)
        with Image.open(self._path(key), formats=OWN_FORMAT) as stored:
            return Picture(id=key, width=stored.width, height=stored.height)

    def add(self, picture: Image.Image) -> str:
        """Store a copy without metadata, at most `MAX_SIDE` pixels a side, and give its id.
        Raises StorageError where it cannot be written."""
        picture = picture.convert("RGB")
        picture.thumbnail((MAX_SIDE, MAX_SIDE))
        part: Path | None = None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".part", delete=False) as new:
                part = Path(new.name)
                picture.save(new, "PNG")
            key = hashlib.sha256(part.read_bytes()).hexdigest()[:ID_LENGTH]
            replace(part, self._path(key))
        except OSError as error:
            if part is not None:
                part.unlink(missing_ok=True)
            raise StorageError(
                say("ui.forms.picture_not_stored", reason=error.strerror or error),
                cause=say("ui.forms.disk_full"),
                suggestions=[say("ui.forms.free_space", folder=self._folder)],
                context={"reason": "disk" if error.errno == errno.ENOSPC else "failing"},
            ) from error
        return key

    def find(self, sha256: str) -> Picture | None:
        """The stored picture whose file has this hash; None if there is none."""
        key = sha256[:ID_LENGTH]
        if not self._is_key(key) or not self._path(key).is_file():
            return None
        with Image.open(self._path(key), formats=OWN_FORMAT) as stored:
            return Picture(id=key, width=stored.width, height=stored.height)

    def cut(self, wanted: Any, width: Any = None, height: Any = None) -> Path:
        """The picture for a video of this size (pixels): `wanted` is an id, for the picture as it
        is, or `{id, fit, box}`, cut to exactly the size. Raises GenerationError for anything else.
        """
        if not isinstance(wanted, dict):
            return self.file(str(wanted))
        source = self.file(str(wanted.get("id")))
        sides = (width, height)
        if not all(isinstance(side, int) and 0 < side <= MAX_SIDE for side in sides):
            return source  # the task's own check names what is wrong with its size
        with Image.open(source, formats=OWN_FORMAT) as opened:
            picture = opened.convert("RGB")
        if wanted.get("fit") == "pad":
            return self.file(self.add(padded(picture, sides)))
        return self.file(self.add(cropped(picture, sides, wanted.get("box", WHOLE))))

    def file(self, key: str) -> Path:
        """Where the picture is, which counts as a use. Raises GenerationError if there is none."""
        if not self._is_key(key) or not self._path(key).is_file():
            raise picture_gone()
        with contextlib.suppress(OSError):
            os.utime(self._path(key))
        return self._path(key)

    def sweep(self, needed: Iterable[str], before: float) -> int:
        """Remove the pictures that were last used before that time (seconds since 1970), except
        those whose hashes are `needed`. Gives how many that were."""
        kept = {sha256[:ID_LENGTH] for sha256 in needed}
        count = 0
        for path in list(self._folder.iterdir()) if self._folder.is_dir() else []:
            with contextlib.suppress(OSError):
                ours = self._is_key(path.stem) or path.suffix == ".part"
                if ours and path.stem not in kept and path.stat().st_mtime < before:
                    path.unlink()
                    count += 1
        return count

    @staticmethod
    def _is_key(key: str) -> bool:
        return len(key) == ID_LENGTH and set(key) <= set("0123456789abcdef")

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.png"


class Picture(BaseModel):
    """A stored input picture. Sizes are in pixels."""

    id: str
    width: int
    height: int
