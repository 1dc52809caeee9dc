"""Load errors: what is wrong with a model's folder, by its headers or when it is read."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from wan_lora_studio.errors import LoRAError, ModelLoadError
from wan_lora_studio.lora.files import read_header
from wan_lora_studio.model_store import weights_in
from wan_lora_studio.texts import say
from wan_lora_studio.wan.out_of_memory import is_out_of_memory


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Raise ModelLoadError for a folder that cannot be read."""
    try:
        yield
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise  # the folder is not to blame
        raise _unusable(folder, str(error)) from error


def require_sound(folder: Path, replaced: Collection[str] = ()) -> None:
    """Raise ModelLoadError where a weight file of the folder is cut short or no such file, told by
    its header. Components that are `replaced` have others."""
    for path in weights_in(folder, replaced):
        try:
            read_header(path)
        except LoRAError as error:
            raise _unusable(folder, f"{path.parent.name}/{error.message}") from error


def _unusable(folder: Path, why: str) -> ModelLoadError:
    return ModelLoadError(
        say("wan.weights.folder", folder=folder, problem=why),
        suggestions=[say("wan.weights.download_model")],
        context={"folder": str(folder)},
    )
