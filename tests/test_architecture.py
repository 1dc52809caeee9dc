"""The cut of the source tree: which room may import which, and what stays small and light."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import utils
from tests.support.paths import ROOT

# What any room may import, and what each of these may import of the others.
GROUND = {
    "backups": "command_name filesystem settings sqlite_file damaged_files storage_faults errors"
    " texts",
    "command_name": "shipped",
    "damaged_files": "filesystem",
    "diagnostic_text": "logs installed_versions redaction settings",
    "documents": "sqlite_file storage_faults texts",
    "errors": "texts",
    "extra_model_paths": "filesystem texts",
    "file_boundary": "errors texts",
    "filesystem": "texts",
    "lazy_exports": "",
    "folder_rules": "texts",
    "installed_versions": "",
    "keyword_names": "",
    "logs": "filesystem settings redaction units",
    "media": "filesystem",
    "redaction": "",
    "settings": "shipped extra_model_paths folder_rules untrusted_json weight_source errors texts",
    "shipped": "filesystem",
    "sqlite_file": "filesystem damaged_files storage_faults errors texts",
    "storage_faults": "command_name filesystem errors texts",
    "texts": "",
    "units": "texts",
    "untrusted_json": "units texts",
    "weight_source": "texts",
}
# Each room, from the top down, and the rooms that it may import. `lora_ui` is the extension's
# package, all others lie in `wan_lora_studio`. A room is a folder with a face, or one module.
ROOMS = {
    # the app
    "__main__": "ui.command_line",
    "ui.command_line": "ui.door ui.server accounts ui.forms ui.messages contact_sheet grid"
    " jobs.job jobs.queue jobs.supervisor model_list model_store wan.generation wan.found_models"
    " wan.lora_manager wan.models wan.task lora.uploads lora.library lora.inspection"
    " lora.selection",
    "ui.server": "ui.door ui.page ui.http ui.messages ui.static accounts lora_ui.static jobs.queue"
    " wan.lora_manager lora.uploads",
    "ui.page": "ui.http ui.forms ui.messages ui.static lora_ui.http lora_ui.lora_tab"
    " lora_ui.generation_controls lora_ui.script_panel lora_ui.static jobs.news jobs.queue"
    " jobs.job results wan.lora_manager wan.models wan.task_limits lora.uploads lora.selection",
    "ui.http": "ui.forms ui.messages ui.static lora_ui.http lora_ui.static jobs.news jobs.queue"
    " contact_sheet grid jobs.job model_list model_store results wan.lora_manager wan.memory"
    " wan.models lora.uploads",
    "ui.door": "ui.static lora_ui.http accounts",
    "ui.forms": "ui.messages contact_sheet grid jobs.queue jobs.job results wan.lora_manager"
    " wan.models wan.weights wan.task lora.files lora.selection",
    "ui.messages": "",
    "ui.static": "",
    # the extension
    "lora_ui.routes": "lora_ui.http",
    "lora_ui.state": "session",
    "lora_ui.extension": "lora_ui.generation_controls lora_ui.host_fields lora_ui.host_model"
    " lora_ui.hosting lora_ui.http lora_ui.lora_tab lora_ui.panels lora_ui.selection_value"
    " lora_ui.uses results wan.adapters wan.lora_manager",
    "lora_ui.host_fields": "lora_ui.panels lora_ui.selection_value lora_ui.static",
    "lora_ui.generation_controls": "lora_ui.panels lora_ui.selection_value",
    "lora_ui.lora_tab": "lora_ui.panels",
    "lora_ui.panels": "lora_ui.script_panel lora_ui.static",
    "lora_ui.script_panel": "lora_ui.static",
    "lora_ui.selection_value": "lora.selection",
    "lora_ui.host_model": "wan.lora_manager wan.pipeline_facts",
    "lora_ui.turns": "",
    "lora_ui.uses": "lora_ui.turns wan.adapters wan.lora_manager lora.selection",
    "lora_ui.hosting": "lora_ui.http",
    "lora_ui.http": "lora_ui.static session results wan.lora_manager wan.steps lora.uploads"
    " lora.selection",
    "lora_ui.static": "",
    "session": "wan.lora_manager wan.steps lora.selection",
    # the queue
    "jobs.news": "jobs.queue jobs.job",
    "jobs.queue": "grid jobs.previews jobs.submission jobs.supervisor jobs.worker jobs.store"
    " jobs.status jobs.job wan.lora_manager wan.memory wan.task",
    "jobs.previews": "jobs.store jobs.job wan.lora_manager",
    "jobs.supervisor": "jobs.worker jobs.store jobs.status jobs.protocol jobs.job results wan.task"
    " lora.index",
    "jobs.worker": "jobs.protocol wan.generation wan.lora_manager wan.memory wan.models wan.task"
    " lora.index",
    "jobs.submission": "grid jobs.store jobs.status jobs.job wan.lora_manager wan.memory wan.models"
    " wan.task lora.index lora.inspection lora.names",
    "jobs.store": "grid jobs.job wan.task lora.index",
    "jobs.status": "jobs.job",
    "jobs.protocol": "",
    "jobs.job": "grid wan.task",
    "contact_sheet": "",
    "grid": "wan.task lora.library lora.selection",
    "results": "lora.library lora.selection lora.inspection lora.files lora.names sandbox",
    # the model
    "wan.generation": "wan.memory wan.models wan.weights wan.components wan.out_of_memory"
    " wan.adapters wan.lora_manager wan.task wan.task_limits lora.selection lora.files lora.roles",
    "wan.memory": "wan.models wan.weights wan.lora_manager wan.task wan.task_limits lora.files",
    "wan.lora_manager": "wan.pipeline_facts wan.adapters wan.ownership wan.task lora.library"
    " lora.index lora.selection",
    "wan.pipeline_facts": "wan.adapters lora.index lora.inspection lora.roles",
    "wan.found_models": "model_store wan.weights lora.index lora.inspection lora.files",
    "wan.models": "model_store wan.weights wan.components wan.out_of_memory wan.adapters"
    " wan.ownership",
    "wan.weights": "model_store wan.components wan.out_of_memory lora.inspection lora.files"
    " lora.roles",
    "wan.components": "",
    "wan.out_of_memory": "",
    "wan.adapters": "wan.ownership lora.storage lora.selection lora.inspection lora.files"
    " lora.roles",
    "wan.ownership": "",
    "model_list": "model_store wan.found_models wan.memory wan.models wan.weights wan.task",
    "model_store": "lora.files",
    "wan.task": "wan.task_limits lora.selection",
    "wan.task_limits": "",
    "wan.steps": "",
    # LoRA files
    "lora.uploads": "lora.library lora.index lora.storage lora.inspection lora.files lora.names",
    "lora.library": "lora.index lora.storage lora.inspection lora.files lora.selection"
    " lora.description lora.roles lora.names",
    "lora.index": "lora.storage lora.inspection lora.files lora.selection lora.description"
    " lora.roles lora.names",
    "lora.storage": "lora.inspection lora.files lora.roles lora.names sandbox scanning",
    "lora.inspection": "lora.files lora.description lora.roles lora.names",
    "lora.files": "lora.description lora.names sandbox",
    "lora.selection": "lora.description lora.roles lora.names",
    "lora.description": "",
    "lora.roles": "",
    "lora.names": "",
    "sandbox": "",
    "accounts": "",
    "scanning": "",
}
ALLOWED = {
    **{name: set(below.split()) for name, below in GROUND.items()},
    **{room: set(below.split()) | set(GROUND) for room, below in ROOMS.items()},
}
PACKAGES = ("wan_lora_studio", "lora_ui")
NO_GRADIO = tuple(
    room for room in ROOMS if not room.startswith(("ui.page", "ui.server", "lora_ui"))
)
HEAVY = ("torch", "diffusers", "transformers", "accelerate", "peft")
FIXED_NAMES = (
    "app.py", "utils.py", "lora_ui", "loras", "config.json", "tests", "requirements.txt",
    "README.md", "wan_lora_studio", "demo", "models", "docs", "benchmarks", "LICENSE",
    "CHANGELOG.md", "CONTRIBUTING.md", "pyproject.toml", ".ci/run", "scripts/start", "scripts/test",
)  # fmt: skip
MOST_LINES = {"app.py": 20, "utils.py": 30}
CONTRACT = {
    "CancelledByUser", "Compatibility", "GenerationError", "GenerationResult", "GenerationTask",
    "InUseError", "IncompatibleLoRAError", "JobQueue", "LoRAError", "LoRAFileError",
    "LoRALoadingError", "LoRAManager", "LoRANotFoundError", "LoRASelection", "LoRAUIState",
    "LoRAUploadHandler",
    "ModelLoadError", "ModelManager", "Progress", "Settings", "SettingsError", "StudioError",
    "UnsupportedLoRAError", "UploadError", "VRAMError", "generate_video",
    "handle_error_with_recovery", "load_settings",
}  # fmt: skip
# For another Gradio app.
FOR_A_HOST = {"LoRAExtension"}
# What the page needs beyond the contract.
FOR_THE_PAGE = {
    "Accelerator",
    "Copies",
    "StorageError",
    "is_running",
    "Documents",
    "LoRASets",
    "Media",
    "NoPictureError",
    "Part",
    "RequestError",
    "ResultLibrary",
    "ResultQuery",
    "SetItem",
    "StepSplit",
    "UntrustedJSONError",
    "accelerator_of",
    "diagnostics",
    "either_name",
    "from_mb",
    "hashed_records",
    "installed_fingerprint",
    "open_media",
    "parse_multipliers",
    "read_facts",
    "read_json",
    "read_object",
    "read_picture",
    "restore",
    "split_steps",
    "tags_with",
    "unsupported_in",
    "start_logging",
    "versions",
}


def module_name(path: Path) -> str:
    names = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


SOURCES = {
    module_name(path): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
    if "assets" not in path.parts
}
# Folders that only hold rooms, and the package's face, which hands on names of any room.
HALLS = {
    "wan_lora_studio", "wan_lora_studio.lora", "wan_lora_studio.wan", "wan_lora_studio.jobs",
    "wan_lora_studio.ui", "lora_ui",
}  # fmt: skip


# What is no part of the package but imports it.
PROGRAMS = [
    *(path for name in ("demo", "benchmarks", "scripts") for path in (ROOT / name).rglob("*.py")),
    *(ROOT / name for name in ("app.py", "utils.py", "start.py")),
]


def room_of(module: str) -> str | None:
    """The room that a module belongs to; None for modules of others and for halls."""
    if module in HALLS or module not in SOURCES:
        return None
    short = module.removeprefix("wan_lora_studio.")
    return next(
        (room for room in ALLOWED if short == room or short.startswith(f"{room}.")), f"({short})"
    )


def imported(tree: ast.AST) -> Iterator[tuple[str, str | None]]:
    """Every module that is imported anywhere, for types alone too, with the name taken from it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name their module in full"
            yield from ((str(node.module), alias.name) for alias in node.names)


def used_by(path: Path) -> Iterator[tuple[str, str]]:
    """The modules of ours that a file imports: the module itself, and as the import is written."""
    for module, name in imported(ast.parse(path.read_text(encoding="utf-8"))):
        inside = f"{module}.{name}"
        used = inside if name is not None and inside in SOURCES else module
        if used.split(".")[0] in PACKAGES:
            yield used, module


def first_use_of(module: str) -> dict[str, str]:
    """The names that a face loads on first use, with the module of each."""
    for node in ast.walk(ast.parse(SOURCES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "on_first_use":
            return dict(ast.literal_eval(node.args[1]))
    return {}


FIRST_USE = first_use_of("wan_lora_studio")
FACES = {
    f"wan_lora_studio.{room}" if not room.startswith("lora_ui") else room for room in ROOMS
} & {name for name, path in SOURCES.items() if path.name == "__init__.py"}


@pytest.mark.parametrize("module", [name for name in SOURCES if name not in HALLS])
def test_a_room_imports_only_the_rooms_below_it(module: str) -> None:
    own = room_of(module)
    assert own in ALLOWED, "a new room is put into the table above"
    used = {room for name, _ in used_by(SOURCES[module]) if (room := room_of(name)) is not None}
    assert used - {own} <= ALLOWED[own]
    if own in NO_GRADIO or own in GROUND:
        found = {name.split(".")[0] for name, _ in imported(ast.parse(SOURCES[module].read_text()))}
        assert "gradio" not in found


def test_the_table_has_no_circle_and_nothing_that_is_not_used() -> None:
    tuple(TopologicalSorter(ALLOWED).static_order())  # raises CycleError
    used: dict[str, set[str]] = {room: set() for room in ALLOWED}
    for module, path in SOURCES.items():
        own = room_of(module)
        if own is not None:
            used[own] |= {room for name, _ in used_by(path) if (room := room_of(name)) is not None}
    told = {**GROUND, **ROOMS}
    unused = {room: set(below.split()) - used[room] for room, below in told.items()}
    assert {room: below for room, below in unused.items() if below} == {}


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Types count too: what names another's type cannot be read without it."""
    graph = {
        module: {used for used, _ in used_by(path) if used in SOURCES and used not in FACES}
        for module, path in SOURCES.items()
        if path.name != "__init__.py"
    }
    tuple(TopologicalSorter(graph).static_order())  # raises CycleError


def test_a_room_is_entered_by_its_face() -> None:
    inside = {name: face for name in SOURCES for face in FACES if name.startswith(f"{face}.")}
    past = [
        f"{path.relative_to(ROOT)} imports {written}"
        for path in [*SOURCES.values(), *PROGRAMS]
        for used, written in used_by(path)
        if used in inside and not module_name(path).startswith(inside[used])
    ]
    assert past == []


@pytest.mark.parametrize("face", sorted(FACES))
def test_a_face_says_what_the_room_is_for_and_gives_what_it_promises(face: str) -> None:
    module = importlib.import_module(face)
    assert len(str(module.__doc__).splitlines()) >= 3
    assert len(set(module.__all__)) == len(module.__all__)
    assert all(getattr(module, name) is not None for name in module.__all__)
    folder = SOURCES[face].parent
    modules = {path.stem for path in folder.glob("*.py")}
    assert not modules & set(module.__all__), "a name of the face would hide a module"
    first_use = first_use_of(face)
    assert set(first_use.values()) <= modules
    with pytest.raises(AttributeError):
        _ = module.no_such_name


def test_a_face_offers_nothing_that_nobody_takes() -> None:
    taken = {(f"wan_lora_studio.{room}", name) for name, room in FIRST_USE.items()}
    for path in [*SOURCES.values(), *PROGRAMS]:
        taken |= set(imported(ast.parse(path.read_text(encoding="utf-8"))))
    offered = {(face, name) for face in FACES for name in importlib.import_module(face).__all__}
    assert offered - taken == set()


def test_nothing_inside_imports_the_entry_points() -> None:
    for path in SOURCES.values():
        names = {name for name, _ in imported(ast.parse(path.read_text(encoding="utf-8")))}
        assert not names & {"app", "utils"}, path


def loaded_after(statements: str, *packages: str) -> list[str]:
    """Which of the packages a fresh interpreter has loaded after running the statements."""
    script = f"import sys\n{statements}\nprint(*[p for p in {packages!r} if p in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_the_library_and_the_queue_load_neither_torch_nor_gradio() -> None:
    rooms = ("lora.", "jobs.", "results", "session")
    modules = [name for name in SOURCES if (room_of(name) or "").startswith(rooms)]
    ground = [f"wan_lora_studio.{name}" for name in GROUND]
    values = ["wan_lora_studio.wan.task", "wan_lora_studio.wan.memory", "utils"]
    statements = "\n".join(f"import {name}" for name in [*modules, *ground, *values])
    assert loaded_after(statements, *HEAVY, "av", "gradio") == []


def test_the_page_loads_no_torch() -> None:
    page = "import app, wan_lora_studio.ui.server, wan_lora_studio.ui.page"
    assert loaded_after(page, *HEAVY) == []
    assert loaded_after("import app", *HEAVY, "gradio") == [], "app.py is imported by the worker"
    assert loaded_after("import utils", *HEAVY, "gradio", "PIL", "pydantic") == []


@pytest.mark.parametrize("name", FIXED_NAMES)
def test_the_layout_that_others_rely_on(name: str) -> None:
    assert (ROOT / name).exists()


@pytest.mark.parametrize("name", MOST_LINES)
def test_entry_point_and_face_stay_small(name: str) -> None:
    assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= MOST_LINES[name]


def test_the_face_is_what_was_agreed() -> None:
    assert utils.__all__ == sorted(utils.__all__)
    assert set(utils.__all__) == CONTRACT | FOR_THE_PAGE | FOR_A_HOST
    assert all(getattr(utils, name) is not None for name in utils.__all__)
    assert set(FIRST_USE) | FOR_A_HOST == set(utils.__all__)
    with pytest.raises(AttributeError):
        _ = utils.no_such_name
