"""Shipped files: the default settings, the demo model and its LoRAs.

In a checkout they lie at its top. An installed package has them in its folder `share`, where
nothing is ever written; what is the user's then lies in the folder `wan-lora-studio` of their home.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from wan_lora_studio.filesystem import rename

PACKAGE = Path(__file__).resolve().parent
SHARE = PACKAGE / "share"
IS_INSTALLED = SHARE.is_dir()
SHIPPED = SHARE if IS_INSTALLED else PACKAGE.parent
HOME_FOLDER = "wan-lora-studio"
LORAS = "loras"  # the library's folder, here and in the shipped settings


def own_folder() -> Path:
    """Where the user's folders lie if the settings say nothing else.

    Raises RuntimeError if the package is installed and the user has no home folder.
    """
    return Path.home() / HOME_FOLDER if IS_INSTALLED else SHIPPED


def shipped_model(name: str) -> Path | None:
    """The folder of a model that an installed package brought along, by its name in models_dir."""
    folder = SHIPPED / "models" / name
    return folder if IS_INSTALLED and folder.is_dir() else None


def put_demo_loras(library: Path) -> None:
    """Begin a library that is not there yet with the demo LoRAs: all of them, or none.

    Does nothing in a checkout, and for a library in another place than the usual one.
    Raises OSError.
    """
    if not IS_INSTALLED or library.exists() or library != own_folder() / LORAS:
        return
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=library.parent, prefix=".new-library-") as folder:
        made = Path(folder) / LORAS
        made.mkdir()
        for path in (SHIPPED / LORAS).iterdir():
            shutil.copyfile(path, made / path.name)  # without its rights: a package is read-only
        if not library.exists():  # another instance may have been quicker
            rename(made, library)
