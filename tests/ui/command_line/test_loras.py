"""The library from the shell: what is done, what is said, in words and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.loras.files import musubi, tiny_model, write_lora
from wan_lora_studio.lora.library import LoRALibrary
from wan_lora_studio.settings import load_settings
from wan_lora_studio.ui.command_line import main

Command = Callable[..., tuple[int, str]]


@pytest.fixture
def library(tmp_path: Path) -> LoRALibrary:
    tiny_model(tmp_path / "models")
    (tmp_path / "loras").mkdir()
    return LoRALibrary(load_settings(**folders(tmp_path)))


def folders(root: Path) -> dict[str, Any]:
    return {f"{name}_dir": root / name for name in ("loras", "models", "data", "outputs")}


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs `loras` with the words; its exit code, and what it printed."""
    named = [f"--{name.replace('_', '-')}={path}" for name, path in folders(tmp_path).items()]

    def run(*words: object) -> tuple[int, str]:
        code = main(["loras", *map(str, words), *named, "--model", "demo"])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


def test_files_are_added_with_what_lies_beside_them(
    command: Command, library: LoRALibrary, tmp_path: Path
) -> None:
    write_lora(tmp_path / "sent" / "style.safetensors")
    (tmp_path / "sent" / "style.json").write_text('{"description": "From beside it."}')
    (tmp_path / "sent" / "other.json").write_text("{}")
    code, printed = command("add", tmp_path / "sent" / "style.safetensors")
    assert code == 0
    assert "added as style" in printed and "added beside its LoRA" in printed
    library.refresh()
    assert library.record("style")["metadata"]["description"] == "From beside it."
    assert [path.name for path in (tmp_path / "loras").glob("other*")] == []


def test_a_refused_file_is_told_and_stops_no_other(
    command: Command, library: LoRALibrary, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("no LoRA")
    write_lora(tmp_path / "good.safetensors")
    words = ("add", tmp_path / "notes.txt", tmp_path / "gone.safetensors")
    code, printed = command(*words, tmp_path / "good.safetensors", "--json")
    found = json.loads(printed)
    assert code == 1
    assert [one["status"] for one in found] == ["refused", "refused", "stored"]
    assert found[1]["error"]["suggestions"]
    library.refresh()
    assert [*library.list_available_loras()] == ["good"]


def test_a_file_goes_into_the_folder_that_is_named(
    command: Command, library: LoRALibrary, tmp_path: Path
) -> None:
    write_lora(tmp_path / "sent" / "style.safetensors")
    assert command("add", tmp_path / "sent" / "style.safetensors", "--folder", "looks")[0] == 0
    assert (tmp_path / "loras" / "looks" / "style.safetensors").is_file()


def test_a_folder_and_the_same_file_again(
    command: Command, library: LoRALibrary, tmp_path: Path
) -> None:
    write_lora(tmp_path / "sent" / "one.safetensors", seed=1)
    write_lora(tmp_path / "sent" / "two.safetensors", seed=2)
    assert command("add", tmp_path / "sent")[0] == 0
    code, printed = command("add", tmp_path / "sent" / "one.safetensors")
    assert (code, "already there as one" in printed) == (0, True)
    library.refresh()
    assert sorted(library.list_available_loras()) == ["one", "two"]


def test_list_and_show(command: Command, library: LoRALibrary, tmp_path: Path) -> None:
    write_lora(tmp_path / "loras" / "style.safetensors", metadata={"modelspec.author": "Ada"})
    write_lora(tmp_path / "loras" / "other.safetensors", seed=3)
    code, printed = command("list", "style")
    assert code == 0
    assert printed.splitlines()[0].split()[0] == "style"
    assert "1 LoRA in" in printed and "other" not in printed
    code, printed = command("list", "--json")
    assert sorted(record["name"] for record in json.loads(printed)) == ["other", "style"]
    code, printed = command("show", "style.safetensors")
    assert code == 0
    assert "Ada" in printed and "layers" in printed
    shown = json.loads(command("show", "style", "--json")[1])
    assert shown["sha256"] in command("show", "style")[1]
    assert shown["fit"]["model_type"] == "demo"


def test_rename_remove_and_undo(command: Command, library: LoRALibrary, tmp_path: Path) -> None:
    write_lora(tmp_path / "loras" / "style.safetensors")
    assert command("rename", "style", "look")[0] == 0
    code, printed = command("remove", "look")
    assert (code, "undo" in printed) == (0, True)
    assert [*(tmp_path / "loras").glob("*.safetensors")] == []
    assert command("undo", "look")[0] == 0
    assert [path.name for path in (tmp_path / "loras").glob("*.safetensors")] == [
        "look.safetensors"
    ]


def test_nothing_is_removed_if_one_of_the_names_is_wrong(
    command: Command, library: LoRALibrary, tmp_path: Path
) -> None:
    write_lora(tmp_path / "loras" / "style.safetensors")
    code, printed = command("remove", "style", "no such")
    assert code == 1
    assert "no such" in printed
    assert (tmp_path / "loras" / "style.safetensors").is_file()


def test_two_files_become_a_pair_and_two_again(
    command: Command, library: LoRALibrary, tmp_path: Path
) -> None:
    write_lora(tmp_path / "loras" / "first.safetensors", seed=1)
    write_lora(tmp_path / "loras" / "second.safetensors", seed=2)
    paired = json.loads(command("pair", "first", "second", "--json")[1])
    assert set(paired["files"]) == {"high", "low"}
    split = json.loads(command("split", paired["name"], "--json")[1])
    assert split["names"] == ["first", "second"]


def test_a_file_in_no_library_is_checked_and_judged(
    command: Command, library: LoRALibrary, tmp_path: Path
) -> None:
    good = write_lora(tmp_path / "good.safetensors", musubi())
    bad = tmp_path / "cut.safetensors"
    bad.write_bytes(good.read_bytes()[:-100])
    code, printed = command("check", good, bad, "--json")
    assert code == 1
    assert [one["ok"] for one in json.loads(printed)] == [True, False]
    assert json.loads(printed)[0]["dialects"] == ["musubi"]
    fit = json.loads(command("verdict", good, "--json")[1])
    write_lora(tmp_path / "loras" / "good.safetensors", musubi())
    library.refresh()
    inside = json.loads(command("verdict", "good", "--json")[1])
    assert fit == inside == library.explain_compatibility("good", "demo").to_dict()


def test_an_error_is_words_or_json(command: Command, library: LoRALibrary) -> None:
    code, printed = command("show", "nothing")
    assert code == 1
    assert printed.startswith("Error: ") and "nothing" in printed
    code, printed = command("show", "nothing", "--json")
    assert code == 1
    assert "nothing" in json.loads(printed)["error"]["message"]
