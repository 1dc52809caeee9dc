"""Cards that are kept from one answer to the next: the same as if each were written anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lora_ui.http.card_fields import Cards
from tests.support.loras.files import add_pair, write_lora
from tests.support.loras.pictures import RED, picture
from utils import LoRAManager, Settings

Change = Callable[[LoRAManager, Path], object]


@pytest.fixture
def loras(settings: Settings) -> LoRAManager:
    for number in range(6):
        write_lora(settings.loras_dir / f"style {number}.safetensors", metadata={"n": str(number)})
    add_pair(settings.loras_dir, "both")
    found = LoRAManager(settings)
    found.refresh()
    assert found.finish_refresh(60)
    return found


def arrive(_: LoRAManager, root: Path) -> None:
    write_lora(root / "new.safetensors", metadata={"n": "new"})


BY_THE_APP: dict[str, Change] = {
    "edit": lambda loras, _: loras.edit_lora_metadata("style 1", {"title": "Aaa", "tags": ["x"]}),
    "favourite": lambda loras, _: loras.edit_lora_metadata("style 1", {"favourite": True}),
    "rename": lambda loras, _: loras.rename_lora_file("style 2", "other"),
    "delete": lambda loras, _: loras.delete_lora_file("style 3"),
    "undo": lambda loras, _: loras.undo_delete("style 3"),
    "use": lambda loras, _: loras.record_use({"style 4": 0.5}),
    "role": lambda loras, _: loras.set_role("style 4", "high"),
    "pair": lambda loras, _: loras.pair_loras("style 4", "style 5"),
    "split": lambda loras, _: loras.split_pair("both"),
    "folder": lambda loras, _: loras.move_lora_file("other", "sub"),
    "one model": lambda loras, _: loras.set_model("ti2v-5B"),
    "all models": lambda loras, _: loras.set_model(None),
}
BY_OTHERS: dict[str, Change] = {
    "arrive": arrive,
    "same file": lambda _, root: (root / "twin.safetensors").write_bytes(
        (root / "style 1.safetensors").read_bytes()
    ),
    "picture": lambda _, root: picture(root / "style 1.preview.png", RED),
    "text": lambda _, root: (root / "style 1.json").write_text('{"description": "by others"}'),
    "broken": lambda _, root: (root / "style 1.safetensors").write_bytes(b"broken"),
    "gone": lambda _, root: (root / "style 1.safetensors").unlink(),
    "root away": lambda _, root: root.rename(root.with_name("away")),
    "root back": lambda _, root: root.with_name("away").rename(root),
}


def test_after_every_change_the_cards_are_as_if_written_anew(
    loras: LoRAManager, settings: Settings
) -> None:
    loras.create_folder("sub")
    kept = Cards(loras)
    seen = plain(kept)
    assert seen == plain(Cards(loras))
    for name, change in (BY_THE_APP | BY_OTHERS).items():
        change(loras, settings.loras_dir)
        if name in BY_OTHERS:
            loras.refresh()
            assert loras.finish_refresh(60)
        found = plain(kept)
        assert found == plain(Cards(loras)), name
        assert found["loras"] != seen["loras"], f"{name} is seen"
        seen = found


def plain(cards: Cards) -> dict[str, Any]:
    """What a reader makes of it: each card with its verdicts, wherever those stand."""
    said: dict[str, Any] = json.loads(cards.text())
    verdicts, fits = said.pop("verdicts"), said.pop("fits")
    for card in said["loras"]:
        card["fit"] = {model: verdicts[place] for model, place in fits[card["fit"]].items()}
    return said


def test_one_edit_writes_one_card(loras: LoRAManager) -> None:
    _, states = loras.changes_since({})
    assert loras.changes_since(states)[0]["loras"] == []
    loras.edit_lora_metadata("style 1", {"favourite": True})
    changed, states = loras.changes_since(states)
    assert [record["name"] for record in changed["loras"]] == ["style 1"]
    loras.record_use({"style 2": 0.5})
    changed, states = loras.changes_since(states)
    assert [record["name"] for record in changed["loras"]] == ["style 2"]
    loras.delete_lora_file("style 3")
    changed, states = loras.changes_since(states)
    assert changed["loras"] == [] and "style 3" not in states
