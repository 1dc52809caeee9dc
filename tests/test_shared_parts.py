"""What tests share is in tests/support, and in steps of the page's rooms, not in test modules."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.paths import ROOT

TESTS = ROOT / "tests"
MODULES = sorted(TESTS.rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def borrowed(names: Iterator[str]) -> list[str]:
    parts = ((name, name.rpartition(".")[2]) for name in names if name.startswith("tests."))
    return [name for name, last in parts if last.startswith("test_") or last == "conftest"]


def test_no_test_module_is_a_library_of_another() -> None:
    found = {path.relative_to(ROOT).as_posix(): borrowed(imported(path)) for path in MODULES}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize("name", ["tests.jobs.test_queue", "tests.jobs.conftest"])
def test_such_a_loan_is_found(name: str) -> None:
    assert borrowed(iter([name, "tests.support.paths", "pytest"])) == [name]
