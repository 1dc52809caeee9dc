"""The routes of LoRA sets: list, save, rename, delete, export and import."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Body
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from wan_lora_studio.errors import LoRANotFoundError
from wan_lora_studio.lora.selection import LoRASets, SetItem
from wan_lora_studio.settings import Settings
from wan_lora_studio.wan.lora_manager import LoRAManager


class SetLoRA(BaseModel):
    """One LoRA of a set."""

    name: str = Field(min_length=1, max_length=1000)
    strength: Any = Field(description="As in a selection: a number, points, or high and low.")
    on: bool = True
    sha256: dict[str, str] = Field(default_factory=dict, description="By role; found out if empty.")


class SavedSet(BaseModel):
    name: str = Field(max_length=400)
    loras: list[SetLoRA]
    replace: bool = Field(default=False, description="Whether to write over a set of that name.")

    def save(self, sets: LoRASets, loras: LoRAManager) -> str:
        """Keep it; gives the name that it has now."""
        items = [_item(lora, loras) for lora in self.loras]
        return sets.save(self.name, items, replace=self.replace)


class SetName(BaseModel):
    name: str


class NewSetName(SetName):
    new_name: str = Field(max_length=400)


class SetFileText(BaseModel):
    filename: str = Field(max_length=400)
    text: str = Field(max_length=1_000_000, description="The file's content, JSON.")


def add_sets_routes(router: APIRouter, settings: Settings, loras: LoRAManager) -> None:
    sets = LoRASets(settings)

    def everything(**more: Any) -> dict[str, Any]:
        return {"sets": listed(sets), **more}

    @router.get("/api/sets", summary="Every set")
    def read() -> dict[str, Any]:
        return everything()

    @router.post("/api/sets", summary="Save a set")
    def save(body: Annotated[SavedSet, Body()]) -> dict[str, Any]:
        return everything(name=body.save(sets, loras))

    @router.post("/api/sets/rename", summary="Rename a set")
    def rename(body: Annotated[NewSetName, Body()]) -> dict[str, Any]:
        return everything(name=sets.rename(body.name, body.new_name))

    @router.post("/api/sets/delete", summary="Delete a set; the answer has what was in it")
    def delete(body: Annotated[SetName, Body()]) -> dict[str, Any]:
        gone = sets.delete(body.name)
        return everything(deleted=[item.to_dict() for item in gone])

    @router.get("/api/sets/export", summary="A set as a JSON file")
    def export(name: str) -> JSONResponse:
        file = f"attachment; filename*=utf-8''{quote(name, safe='')}.json"
        return JSONResponse(sets.to_file(name), headers={"Content-Disposition": file})

    @router.post("/api/sets/import", summary="Keep the set of a JSON file or of WanGP's .lset")
    def add(body: Annotated[SetFileText, Body()]) -> dict[str, Any]:
        known = loras.list_available_loras()
        found = sets.add_file(body.text, body.filename, known)
        return everything(name=found.name, prompt=found.prompt, notes=list(found.notes))


def listed(sets: LoRASets) -> list[dict[str, Any]]:
    """Every set with what it holds, as it is answered."""
    return [
        {"name": name, "loras": [item.to_dict() for item in items]}
        for name, items in sets.list().items()
    ]


def _item(lora: SetLoRA, loras: LoRAManager) -> SetItem:
    """With the hashes of the files, as far as they are known, to find them elsewhere."""
    hashes = lora.sha256
    if not hashes:
        try:
            known = loras.record(lora.name)["sha256s"]
            hashes = {role: text for role, text in known.items() if text}
        except LoRANotFoundError:
            hashes = {}
    return SetItem.from_plain({**lora.model_dump(), "sha256": hashes})
