"""Library of the client: the endpoints that change LoRAs and sets.

Gradio reads the annotations of the endpoints as they are, so they are no strings in this file.
"""

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from lora_ui.http import SavedSet, listed
from wan_lora_studio.errors import RequestError
from wan_lora_studio.lora.selection import LoRASets
from wan_lora_studio.lora.uploads import LoRAUploadHandler
from wan_lora_studio.texts import say
from wan_lora_studio.ui.page.endpoints import add_endpoint, told
from wan_lora_studio.wan.lora_manager import LoRAManager

PIECE_BYTES = 1 << 20


def add_library_endpoints(loras: LoRAManager, uploads: LoRAUploadHandler) -> None:
    """Add them to the page that is being built."""
    _add_files(loras, uploads)
    _add_descriptions(loras)
    _add_thumbnails(loras)
    _add_sets(loras, LoRASets(loras.settings))


def without_path(record: Mapping[str, Any]) -> dict[str, Any]:
    """The client would take what has a "path" for a file of Gradio's, and ask for it."""
    return {key: value for key, value in record.items() if key != "path"}


def _add_files(loras: LoRAManager, uploads: LoRAUploadHandler) -> None:
    @told
    def upload(file: dict[str, Any], folder: str = "", filename: str = "") -> dict[str, Any]:
        """Take in a LoRA, or a .zip of them, that came with handle_file; gives its record.
        It goes into a folder of the library, under its own name if it is given no other."""
        with _sent(file) as path:
            name = filename or str(file.get("orig_name") or path.name)
            stage = uploads.open_stage(name, path.stat().st_size, folder or None)
            try:
                with path.open("rb") as source:
                    while piece := source.read(PIECE_BYTES):
                        stage.write(piece)
                return without_path(stage.finish())
            finally:
                stage.abort()

    @told
    def rename(name: str, new_name: str) -> dict[str, Any]:
        """Rename a LoRA with all its files; gives its record."""
        loras.rename_lora_file(name, new_name)
        return without_path(loras.record(new_name))

    @told
    def delete(names: str | list[str]) -> dict[str, Any]:
        """Put one LoRA or several into the trash; `undo` is the id that brings them back."""
        done = loras.delete_loras(_several(names))
        done.require_all()
        return {"undo": done.token}

    @told
    def undo(names: str | list[str], undo_id: str = "") -> list[dict[str, Any]]:
        """Bring deleted LoRAs back: the newest deletion of each, or the one with that id. Gives
        their records."""
        loras.undo_deletes(_several(names), undo_id or None).require_all()
        return [without_path(loras.record(name)) for name in _several(names)]

    for endpoint in (upload, rename, delete, undo):
        add_endpoint(endpoint)


def _add_descriptions(loras: LoRAManager) -> None:
    @told
    def edit(name: str, changes: dict[str, Any]) -> dict[str, Any]:
        """Save what is said about a LoRA, as title, tags, trigger_words or favourite; a field
        that is null goes back to what the file says. Gives its record."""
        return without_path(loras.edit_lora_metadata(name, changes))

    @told
    def pair(high: str, low: str) -> dict[str, Any]:
        """Make one LoRA of a file for high noise and one for low noise; gives its record."""
        return without_path(loras.pair_loras(high, low))

    @told
    def split(name: str) -> list[str]:
        """Make two LoRAs of a pair; gives their names, the one for high noise first."""
        return loras.split_pair(name)

    for endpoint in (edit, pair, split):
        add_endpoint(endpoint)


def _add_thumbnails(loras: LoRAManager) -> None:
    @told
    def thumbnail(name: str) -> str:
        """A LoRA's picture: WebP in base64, a drawn placeholder where it has none."""
        return base64.b64encode(loras.thumbnail_file(name).read_bytes()).decode()

    @told
    def set_thumbnail(name: str, file: dict[str, Any]) -> dict[str, Any]:
        """Choose the picture, or the video whose first frame is taken, that came with
        handle_file; gives the LoRA's record."""
        with _sent(file) as path:
            return without_path(loras.set_thumbnail(name, path))

    @told
    def clear_thumbnail(name: str) -> dict[str, Any]:
        """Take a chosen picture back; gives the LoRA's record."""
        loras.clear_thumbnail(name)
        return without_path(loras.record(name))

    for endpoint in (thumbnail, set_thumbnail, clear_thumbnail):
        add_endpoint(endpoint)


def _add_sets(library: LoRAManager, sets: LoRASets) -> None:
    @told
    def find_sets() -> list[dict[str, Any]]:
        """Every set, with its LoRAs and their strengths."""
        return listed(sets)

    @told
    def save_set(
        name: str,
        loras: list[dict[str, Any]],
        replace: bool = False,
    ) -> str:
        """Keep LoRAs under a name, each {name, strength}; gives the name that the set has."""
        form = {"name": name, "loras": loras, "replace": replace}
        return SavedSet.model_validate(form).save(sets, library)

    @told
    def delete_set(name: str) -> list[dict[str, Any]]:
        """Forget a set; gives what was in it."""
        return [item.to_dict() for item in sets.delete(name)]

    add_endpoint(find_sets, "sets")
    add_endpoint(save_set)
    add_endpoint(delete_set)


def _several(names: str | list[str]) -> list[str]:
    return [names] if isinstance(names, str) else names


@contextmanager
def _sent(file: Mapping[str, Any]) -> Iterator[Path]:
    """A file that came with the call; it is gone afterwards. Raises RequestError for any other
    file of this machine."""
    folder = Path(get_upload_folder()).resolve()
    path = Path(str(file.get("path"))).resolve()
    if not (path.is_relative_to(folder) and path.is_file()):
        raise RequestError(
            say("ui.page.no_file"),
            suggestions=[say("ui.page.give_file")],
        )
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
        with suppress(OSError):
            path.parent.rmdir()
