"""Change routes: all that change the library but uploads. Names only, never paths."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter

from lora_ui.http.models import (
    Deleted,
    Done,
    Edited,
    Folder,
    FolderList,
    Halves,
    Moved,
    Named,
    OneDone,
    Outcome,
    Pair,
    Renamed,
    Single,
    Undone,
)
from wan_lora_studio.errors import StudioError
from wan_lora_studio.wan.lora_manager import LoRAManager

Act = Callable[[str], dict[str, Any] | None]


def add_change_routes(router: APIRouter, loras: LoRAManager) -> None:
    _add_file_routes(router, loras)
    _add_folder_routes(router, loras)
    _add_description_routes(router, loras)


def for_each(named: Named, act: Act) -> Done:
    """Do it to the one LoRA, whose error is the answer; or to each of several, with its own."""
    if named.names is None:
        name = named.name or ""
        return Done(ok=True, results=[Outcome(name=name, ok=True, record=act(name))])
    results = [_outcome(name, act) for name in named.names]
    return Done(ok=all(result.ok for result in results), results=results)


def done(named: Named, refused: Mapping[str, StudioError]) -> dict[str, Any]:
    """The answer for a change of all of them at once; for the one LoRA, its error."""
    for error in refused.values() if named.names is None else ():
        raise error
    results = [_told(name, refused.get(name)) for name in named.all]
    return {"ok": not refused, "results": results}


def _told(name: str, error: StudioError | None) -> Outcome:
    plain = None if error is None else error.to_dict()
    return Outcome.model_validate({"name": name, "ok": error is None, "error": plain})


def _outcome(name: str, act: Act) -> Outcome:
    try:
        return Outcome(name=name, ok=True, record=act(name))
    except StudioError as error:
        return _told(name, error)


def _add_file_routes(router: APIRouter, loras: LoRAManager) -> None:
    @router.post("/api/loras/rename", summary="Rename a LoRA with all its files")
    def rename(body: Renamed) -> OneDone:
        loras.rename_lora_file(body.name, body.new_name)
        return OneDone(ok=True, record=loras.record(body.new_name))

    @router.post("/api/loras/delete", summary="Put LoRAs into the trash")
    def delete(body: Named) -> Deleted:
        """Several go in one change; `undo` is what brings them back together."""
        found = loras.delete_loras(body.all)
        return Deleted(**done(body, found.refused), undo=found.token)

    @router.post("/api/loras/undo", summary="Bring deleted LoRAs back")
    def undo(body: Undone) -> Done:
        """The newest deletion of each name, or the one with the given id."""
        return Done(**done(body, loras.undo_deletes(body.all, body.id).refused))


def _add_folder_routes(router: APIRouter, loras: LoRAManager) -> None:
    @router.post("/api/loras/move", summary="Move LoRAs to a folder of the library")
    def move(body: Moved) -> Done:
        return for_each(body, lambda name: loras.move_lora_file(name, body.folder))

    @router.get("/api/loras/folders", summary="The library's folders")
    def folders() -> FolderList:
        return FolderList(folders=loras.list_folders())

    @router.post("/api/loras/folders", summary="Make a folder in the library")
    def create_folder(body: Folder) -> FolderList:
        """Also those above it that are not there yet."""
        loras.create_folder(body.folder)
        return FolderList(folders=loras.list_folders())


def _add_description_routes(router: APIRouter, loras: LoRAManager) -> None:
    @router.post("/api/loras/edit", summary="Save what the user says about LoRAs")
    def edit(body: Edited) -> Done:
        """What A1111 and Forge have a key for is written to `stem.json` as well."""
        return for_each(body, lambda name: loras.edit_lora_metadata(name, body.changes.given()))

    @router.post("/api/loras/pair", summary="Make one LoRA of two files")
    def pair(body: Pair) -> OneDone:
        return OneDone(ok=True, record=loras.pair_loras(body.high, body.low))

    @router.post("/api/loras/split", summary="Make two LoRAs of a pair")
    def split(body: Single) -> Halves:
        return Halves(ok=True, names=loras.split_pair(body.name))
