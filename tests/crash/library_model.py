"""A plain model of the LoRA library: what each operation must have done, and nothing else.

A LoRA of the model has one stem without a dot, or is a pair of two halves of that stem; it is
unique in the whole library, in one folder, which may be a writable one outside.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image, PngImagePlugin

from tests.support.loras.files import random_tensors
from wan_lora_studio.errors import UploadError
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.lora.uploads.handler import LoRAUploadHandler

LAYER = {
    "lora_unet_blocks_0_self_attn_q.lora_down.weight": (4, 16),
    "lora_unet_blocks_0_self_attn_q.lora_up.weight": (16, 4),
}
Operation = tuple[str, ...]
PREVIEW = ".preview.png"
COLOURS = ("red", "green", "blue")
HALVES = ("_high_noise", "_low_noise")
EXTRA = "<extra>"  # stands for the folder outside


@dataclass(frozen=True)
class Item:
    """One LoRA: its files by suffix (SHA256, or the object for JSON), its edits and its uses.

    `halves` is what follows the stem of its LoRA files. In the trash it may also be a picture
    that was replaced; `stem` is then its LoRA's name.
    """

    name: str
    folder: str
    files: Mapping[str, Any]
    edits: Mapping[str, Any] = field(default_factory=dict)
    uses: int = 0
    stem: str = ""
    halves: tuple[str, ...] = ("",)

    @property
    def preview(self) -> str:
        """The suffix of the picture that can be chosen."""
        return self.halves[0] + PREVIEW

    def paths(self) -> dict[str, Any]:
        stem = self.stem or self.name
        prefix = f"{self.folder}/{stem}" if self.folder else stem
        return {prefix + suffix: content for suffix, content in self.files.items()}


@dataclass(frozen=True)
class World:
    """What is in the library, by name, and in the trash, the oldest first."""

    items: Mapping[str, Item] = field(default_factory=dict)
    trash: tuple[Item, ...] = ()

    def without(self, name: str, *new: Item, trash: tuple[Item, ...] | None = None) -> World:
        rest = {key: item for key, item in self.items.items() if key != name}
        added = {item.name: item for item in new}
        return World({**rest, **added}, self.trash if trash is None else trash)

    def restorable(self, name: str) -> int | None:
        """The place in the trash of the newest deletion of that name."""
        places = [index for index, item in enumerate(self.trash) if item.name == name]
        return places[-1] if places else None

    def after(self, operation: Operation) -> World:
        """The world once a valid operation has happened."""
        act, name, *rest = operation
        old = self.items.get(name)
        if act == "purge":
            return World(self.items)
        if act in NEW:
            return self.without(name, _new(act, name, int(rest[0])))
        if act == "undo":
            place = self.restorable(name)
            assert place is not None
            rest_of_trash = self.trash[:place] + self.trash[place + 1 :]
            back = self.trash[place]
            if back.stem:
                beside = self.items[back.stem]
                back = replace(beside, files={**beside.files, **back.files})
            return self.without(back.name, back, trash=rest_of_trash)
        assert old is not None
        if act == "delete":
            return self.without(name, trash=(*self.trash, old))
        new = _changed(old, act, rest)
        replaced = old.files.get(old.preview)
        if act == "picture" and replaced and replaced not in OWN_PICTURES.values():
            files = {old.preview: replaced}
            gone = Item(f"{name} (preview)", old.folder, files, stem=name, halves=old.halves)
            return self.without(name, new, trash=(*self.trash, gone))
        return self.without(name, new)

    def plain(self) -> dict[str, Any]:
        """For comparing with `library_observed.observed`."""
        visible = self.items.values()
        return {
            "files": {k: v for item in visible for k, v in item.paths().items()},
            "known": {path: value for item in visible for path, value in _known(item).items()},
            "trash": [
                {"name": item.name, "files": item.paths(), "known": _known(item)}
                for item in self.trash
            ],
        }


NEW = ("add", "bundle", "found", "pair")


def _new(act: str, name: str, number: int) -> Item:
    """A LoRA that arrives: alone, with files beside it, in the folder outside, or as a pair."""
    halves = HALVES if act == "pair" else ("",)
    files: dict[str, Any] = {
        f"{half}.safetensors": sha256_of(lora_bytes(number, half)) for half in halves
    }
    if act == "bundle":
        beside = files_beside(number)
        files |= {ending: sha256_of(data) for ending, data in beside.items()}
        files[".json"] = json.loads(beside[".json"])
    return Item(name, EXTRA if act == "found" else "", files, halves=halves)


def files_beside(number: int) -> dict[str, bytes]:
    """What is uploaded beside a LoRA, by its ending."""
    return {
        ".txt": f"text {number}".encode(),
        ".json": json.dumps({"notes": f"notes {number}", "kept": number}).encode(),
        PREVIEW: PICTURE_OF_ANOTHER,
    }


def _changed(old: Item, act: str, rest: list[str]) -> Item:
    if act in ("rename", "move"):
        return replace(old, **{"name" if act == "rename" else "folder": rest[0]})
    if act == "use":
        return replace(old, uses=old.uses + 1)
    if act in ("sidecar", "beside"):
        suffix, text = rest
        suffix = (old.halves[0] if act == "beside" else "") + suffix
        return replace(old, files={**old.files, suffix: sha256_of(text.encode())})
    if act in ("picture", "unpicture"):
        return _pictured(old, rest)
    assert act == "edit"
    edits = json.loads(rest[0])
    described = {key: edits[key] for key in ("description", "notes") if key in edits}
    files = dict(old.files)
    for suffix in (f"{half}.json" for half in old.halves):
        if sidecar := {**files.get(suffix, {}), **described}:
            files[suffix] = sidecar
    return replace(old, files=files, edits={**old.edits, **edits})


def _pictured(old: Item, rest: list[str]) -> Item:
    """With the picture chosen, or without one that was chosen."""
    if rest:
        return replace(old, files={**old.files, old.preview: OWN_PICTURES[rest[0]]})
    own = old.files.get(old.preview) in OWN_PICTURES.values()
    kept = {suffix: file for suffix, file in old.files.items() if suffix != old.preview}
    return replace(old, files=kept) if own else old


def _known(item: Item) -> dict[str, Any]:
    path = next((path for path in item.paths() if path.endswith(".safetensors")), "")
    return {path: [dict(item.edits), item.uses]} if item.edits or item.uses else {}


def picture(colour: str) -> Image.Image:
    return Image.new("RGB", (160, 120), colour)


def png(colour: str, software: str) -> bytes:
    """The file that choosing this picture writes, if `software` is this app."""
    said, data = PngImagePlugin.PngInfo(), io.BytesIO()
    said.add_text("Software", software)
    picture(colour).save(data, "PNG", pnginfo=said)
    return data.getvalue()


def lora_bytes(seed: int, half: str = "") -> bytes:
    """A small, valid LoRA file whose content no other seed or half has."""
    header: dict[str, Any] = {"__metadata__": {"author": f"seed {seed}{half}"}}
    position, blobs = 0, []
    for key, tensor in random_tensors(LAYER, seed).items():
        blobs.append(tensor.tobytes())
        end = position + len(blobs[-1])
        header[key] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [position, end]}
        position = end
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + b"".join(blobs)


PICTURE_OF_ANOTHER = png("white", "another tool")
OWN_PICTURES = {
    colour: hashlib.sha256(png(colour, "Wan2.2 LoRA Studio")).hexdigest() for colour in COLOURS
}


def perform(library: LoRALibrary, operation: Operation) -> None:
    """Do to the library what `World.after` says."""
    act, name, *rest = operation
    if act in NEW:
        _bring(library, act, name, int(rest[0]))
    elif act == "delete":
        library.delete_lora_file(name)
    elif act == "purge":
        library.empty_trash()
    elif act == "undo":
        library.undo_delete(name)
    elif act == "rename":
        library.rename_lora_file(name, rest[0])
    elif act == "move":
        library.move_lora_file(name, rest[0])
    elif act == "use":
        library.record_use({name: 1.0})
    elif act == "picture":
        source = library.root.parent / f"{rest[0]}.png"
        picture(rest[0]).save(source)
        library.set_thumbnail(name, source)
    elif act == "unpicture":
        library.clear_thumbnail(name)
    elif act == "sidecar":
        _drop_sidecar(library, name, *rest)
    elif act == "beside":
        handler, (suffix, text) = LoRAUploadHandler(library.settings, library), rest
        handler.add_sidecar(name, f"any{suffix}", io.BytesIO(text.encode()))
    else:
        assert act == "edit"
        library.edit_lora_metadata(name, json.loads(rest[0]))


def _bring(library: LoRALibrary, act: str, name: str, number: int) -> None:
    """Upload a LoRA; or what another program does that puts one into the folder outside."""
    if act == "found":
        folder = library.settings.extra_lora_dirs[0].path
        part = folder / ".part"
        part.write_bytes(lora_bytes(number))
        part.replace(folder / f"{name}.safetensors")
        library.refresh()
        return
    handler = LoRAUploadHandler(library.settings, library)
    for half in HALVES if act == "pair" else ("",):
        content = lora_bytes(number, half)
        stage = handler.open_stage(f"{name}{half}.safetensors", len(content))
        for ending, data in files_beside(number).items() if act == "bundle" else ():
            stage.take_along(f"{name}{ending}", io.BytesIO(data))
        if any(said["error"] for said in stage.beside):  # here it is all or nothing
            stage.abort()
            raise UploadError("A file that goes along was refused.")
        stage.write(content)
        stage.finish()


def _drop_sidecar(library: LoRALibrary, name: str, suffix: str, text: str) -> None:
    """What another program does that puts a file beside a LoRA; `suffix` follows the stem."""
    folder = next(iter(library.files(name).values())).parent
    part = folder / ".part"
    part.write_bytes(text.encode())
    part.replace(folder / f"{name}{suffix}")
    library.refresh()


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
