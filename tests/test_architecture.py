"""The cut of the source tree: who may import whom, and what stays small and light."""

from __future__ import annotations

import ast
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import utils
from tests.support.paths import ROOT

BACKEND = {
    "wan_lora_studio.settings",
    "wan_lora_studio.errors",
    "wan_lora_studio.versions",
    "wan_lora_studio.redaction",
    "wan_lora_studio.logs",
    "wan_lora_studio.diagnostics",
    "wan_lora_studio.sqlite_file",
    "wan_lora_studio.storage_faults",
    "wan_lora_studio.damaged_files",
    "wan_lora_studio.backups",
    "wan_lora_studio.untrusted_json",
    "wan_lora_studio.file_boundary",
    "wan_lora_studio.media",
    "wan_lora_studio.units",
    "wan_lora_studio.extra_model_paths",
    "wan_lora_studio.keyword_names",
}
FACE = {"utils"}
# Each part of the tree, and the parts that it may import beside itself.
MAY_IMPORT = {
    "app": {"ui", "lora_ui", *FACE},
    "ui": {"lora_ui", *FACE},
    "lora_ui": FACE,
    "utils": {
        "wan_lora_studio.jobs",
        "wan_lora_studio.results",
        "wan_lora_studio.wan",
        "wan_lora_studio.lora",
        *BACKEND,
    },
    "wan_lora_studio.jobs": {
        "wan_lora_studio.results",
        "wan_lora_studio.wan",
        "wan_lora_studio.lora",
        *BACKEND,
    },
    "wan_lora_studio.results": {"wan_lora_studio.lora", *BACKEND},
    "wan_lora_studio.wan": {"wan_lora_studio.lora", *BACKEND},
    "wan_lora_studio.lora": BACKEND,
    "wan_lora_studio.settings": {
        "wan_lora_studio.errors",
        "wan_lora_studio.folder_rules",
        "wan_lora_studio.extra_model_paths",
        "wan_lora_studio.untrusted_json",
    },
    "wan_lora_studio.extra_model_paths": set(),
    "wan_lora_studio.folder_rules": set(),
    "wan_lora_studio.errors": set(),
    "wan_lora_studio.versions": set(),
    "wan_lora_studio.redaction": set(),
    "wan_lora_studio.sqlite_file": {
        "wan_lora_studio.errors",
        "wan_lora_studio.storage_faults",
        "wan_lora_studio.damaged_files",
    },
    "wan_lora_studio.storage_faults": {"wan_lora_studio.errors"},
    "wan_lora_studio.damaged_files": set(),
    "wan_lora_studio.backups": {
        "wan_lora_studio.settings",
        "wan_lora_studio.errors",
        "wan_lora_studio.sqlite_file",
        "wan_lora_studio.storage_faults",
        "wan_lora_studio.damaged_files",
    },
    "wan_lora_studio.untrusted_json": {"wan_lora_studio.units"},
    "wan_lora_studio.file_boundary": {"wan_lora_studio.errors"},
    "wan_lora_studio.media": set(),
    "wan_lora_studio.units": set(),
    "wan_lora_studio.keyword_names": set(),
    "wan_lora_studio.logs": {
        "wan_lora_studio.settings",
        "wan_lora_studio.redaction",
        "wan_lora_studio.units",
    },
    "wan_lora_studio.diagnostics": {
        "wan_lora_studio.logs",
        "wan_lora_studio.settings",
        "wan_lora_studio.redaction",
        "wan_lora_studio.versions",
    },
}
HEAVY = ("torch", "diffusers", "transformers", "accelerate", "peft")
FIXED_NAMES = (
    "app.py", "utils.py", "lora_ui", "loras", "config.json", "tests", "requirements.txt",
    "README.md", "backend", "ui", "demo", "models", "docs", "benchmarks", "LICENSE", "CHANGELOG.md",
    "CONTRIBUTING.md", "pyproject.toml", ".ci/run", "scripts/start", "scripts/test",
)  # fmt: skip
MOST_LINES = {"app.py": 150, "utils.py": 300}
CONTRACT = {
    "CancelledByUser", "Compatibility", "GenerationError", "GenerationResult", "GenerationTask",
    "InUseError", "IncompatibleLoRAError", "JobQueue", "LoRAError", "LoRAFileError",
    "LoRALoadingError", "LoRAManager", "LoRANotFoundError", "LoRASelection", "LoRAUIState",
    "LoRAUploadHandler",
    "ModelLoadError", "ModelManager", "Progress", "Settings", "SettingsError", "StudioError",
    "UnsupportedLoRAError", "UploadError", "VRAMError", "generate_video",
    "handle_error_with_recovery", "load_settings",
}  # fmt: skip
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


def part_of(module: str) -> str | None:
    """The part that a module belongs to; None for modules of others."""
    return next(
        (part for part in MAY_IMPORT if module == part or module.startswith(part + ".")), None
    )


def source_files() -> list[Path]:
    folders = [ROOT / name for name in ("ui", "lora_ui", "backend")]
    inside = [path for folder in folders for path in sorted(folder.rglob("*.py"))]
    return [ROOT / "app.py", ROOT / "utils.py", *inside]


def module_name(path: Path) -> str:
    names = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(names[:-1] if names[-1] == "__init__" else names)


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module that runs when this one does; not what only the type checker reads."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name their module in full"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from imported(node)


@pytest.mark.parametrize("path", source_files(), ids=module_name)
def test_imports_go_one_way(path: Path) -> None:
    own = part_of(module_name(path))
    if own is None:
        return  # wan_lora_studio/__init__.py
    allowed = {own, *MAY_IMPORT[own]}
    used = set(imported(ast.parse(path.read_text(encoding="utf-8"))))
    wrong = {name for name in used if (part := part_of(name)) is not None and part not in allowed}
    assert not wrong, f"{own} may import {sorted(allowed)}"
    if own == "utils" or own.startswith("backend"):
        assert not {name for name in used if name.split(".")[0] == "gradio"}


def test_backend_is_one_of_the_parts() -> None:
    """A new package of the backend has to be placed in the order above."""
    names = {f"backend.{item.name}" for item in pkgutil.iter_modules([str(ROOT / "backend")])}
    assert names == {part for part in MAY_IMPORT if part.startswith("backend.")}


def loaded_after(statements: str, *packages: str) -> list[str]:
    """Which of the packages a fresh interpreter has loaded after running the statements."""
    script = f"import sys\n{statements}\nprint(*[p for p in {packages!r} if p in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_the_library_and_the_queue_load_neither_torch_nor_gradio() -> None:
    modules = [
        module_name(path)
        for path in source_files()
        if (part_of(module_name(path)) or "")
        in ("wan_lora_studio.lora", "wan_lora_studio.jobs", "wan_lora_studio.results", *BACKEND)
    ]
    statements = "\n".join(
        f"import {name}" for name in [*modules, "wan_lora_studio.wan.task", "utils"]
    )
    assert loaded_after(statements, *HEAVY, "av", "gradio") == []


def test_the_page_loads_no_torch() -> None:
    assert (
        loaded_after("import app, wan_lora_studio.ui.server, wan_lora_studio.ui.page.page", *HEAVY)
        == []
    )
    assert loaded_after("import app", *HEAVY, "gradio") == [], "app.py is imported by the worker"


@pytest.mark.parametrize("name", FIXED_NAMES)
def test_the_layout_that_others_rely_on(name: str) -> None:
    assert (ROOT / name).exists()


@pytest.mark.parametrize("name", MOST_LINES)
def test_entry_point_and_face_stay_small(name: str) -> None:
    assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= MOST_LINES[name]


def test_the_face_is_what_was_agreed() -> None:
    assert utils.__all__ == sorted(utils.__all__)
    assert set(utils.__all__) == CONTRACT | FOR_THE_PAGE
    assert all(getattr(utils, name) is not None for name in utils.__all__)
    with pytest.raises(AttributeError):
        _ = utils.no_such_name
