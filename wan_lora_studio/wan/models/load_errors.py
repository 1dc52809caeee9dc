"""Load errors: what libraries raise for a broken folder, as one of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.wan.models.device_memory import is_out_of_memory


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Raise ModelLoadError for a folder that cannot be read."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise  # the folder is not to blame
        raise ModelLoadError(
            f"The model folder {folder} cannot be loaded: {error}",
            suggestions=["Download the model again; a file may be missing or cut short."],
            context={"folder": str(folder)},
        ) from error
