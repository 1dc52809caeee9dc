"""The operations that `library_crash.py` does: which are possible, and those of its script."""

from __future__ import annotations

import json
import random

from tests.crash.library_model import COLOURS, Operation, World

NAMES = [f"lora {letter}" for letter in "abcdefgk"]  # a closing h or l would be a role
FOLDERS = ["", "one", "two"]


def chosen(world: World, random_: random.Random) -> Operation:
    """An operation that is possible in this world."""
    here = sorted(world.items)
    free = [name for name in NAMES if name not in world.items]
    gone = [item.name for item in world.trash if restorable(world, item.name)]
    number = str(random_.randrange(10**9))
    options: list[Operation] = []
    for name in [random_.choice(free)] if free else []:
        options += [("add", name, number), ("bundle", name, number), ("found", name, number)]
    if gone:
        options += [("undo", random_.choice(gone))] * 2
    if len(world.trash) > 2:
        options.append(("purge", ""))
    for name in [random_.choice(here)] if here else []:
        item = world.items[name]
        folder = random_.choice([each for each in FOLDERS if each != item.folder])
        edits = {"description": number, "favourite": bool(int(number) % 2)}
        options += [("delete", name), ("move", name, folder), ("edit", name, json.dumps(edits))]
        options += [("picture", name, random_.choice(COLOURS)), ("unpicture", name)]
        options += [("use", name), ("sidecar", name, random_.choice((".txt", ".png")), number)]
        options += [("rename", name, other) for other in free[:2]]
        if f"{item.halves[0]}.civitai.info" not in item.files:
            options.append(("beside", name, ".civitai.info", json.dumps({"description": number})))
    return random_.choice(options)


def restorable(world: World, name: str) -> bool:
    """Whether the newest deletion of that name can be put back: a LoRA whose place is free, or a
    picture whose LoRA is there without another."""
    place = world.restorable(name)
    assert place is not None
    item = world.trash[place]
    if not item.stem:
        return name not in world.items
    beside = world.items.get(item.stem)
    return (
        beside is not None
        and beside.folder == item.folder
        and beside.halves == item.halves
        and not item.files.keys() & beside.files.keys()
    )


def halfway(world: World, operation: Operation) -> list[World]:
    """What an operation that was cut off, or failed, may leave besides nothing and all of it."""
    if operation[0] != "purge":  # which removes one entry after another, the newest first
        return []
    return [World(world.items, world.trash[:kept]) for kept in range(1, len(world.trash))]


# A library with something in every state, and what is then done to it, each time anew.
PREPARED: list[Operation] = [
    ("add", "lora a", "1"), ("sidecar", "lora a", ".png", "x"), ("use", "lora a"),
    ("edit", "lora a", '{"description": "old", "notes": "n"}'), ("add", "lora b", "2"),
    ("picture", "lora a", "blue"), ("sidecar", "lora b", ".txt", "y"),
    ("sidecar", "lora b", ".preview.png", "of another tool"), ("move", "lora b", "one"),
    ("add", "lora c", "3"),
    ("edit", "lora c", '{"notes": "c"}'), ("delete", "lora c"),
    ("pair", "lora p", "4"), ("sidecar", "lora p", "_high_noise.preview.png", "of another"),
    ("sidecar", "lora p", ".txt", "of both"), ("pair", "lora q", "5"),
    ("picture", "lora q", "blue"), ("use", "lora q"),
    ("found", "lora d", "6"), ("picture", "lora d", "blue"),
    ("found", "lora e", "7"), ("sidecar", "lora e", ".txt", "z"), ("use", "lora e"),
    ("sidecar", "lora e", ".preview.png", "of another tool"),
    ("found", "lora f", "8"), ("edit", "lora f", '{"notes": "f"}'), ("delete", "lora f"),
]  # fmt: skip
SCRIPT: list[Operation] = [
    ("add", "lora k", "77"),
    ("rename", "lora a", "lora g"),
    ("delete", "lora a"),
    ("undo", "lora c"),
    ("move", "lora a", "one"),
    ("edit", "lora a", '{"description": "new", "favourite": true}'),
    ("edit", "lora b", '{"notes": "first"}'),
    ("use", "lora b"),
    ("picture", "lora a", "red"),
    ("picture", "lora b", "green"),
    ("unpicture", "lora a"),
    ("purge", ""),
    ("bundle", "lora k", "78"),
    ("beside", "lora a", ".civitai.info", "{}"),
    ("picture", "lora p", "red"),
    ("picture", "lora q", "green"),
    ("unpicture", "lora q"),
    ("edit", "lora p", '{"notes": "of both"}'),
    ("rename", "lora q", "lora r"),
    ("delete", "lora q"),
    ("rename", "lora e", "lora g"),
    ("delete", "lora e"),
    ("undo", "lora f"),
    ("move", "lora e", "one"),
    ("edit", "lora e", '{"description": "new", "favourite": true}'),
    ("picture", "lora e", "red"),
    ("unpicture", "lora d"),
    ("beside", "lora e", ".civitai.info", "{}"),
]
