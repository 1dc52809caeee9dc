"""The packages: pyproject.toml names them, constraints.txt pins what they need in turn."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GROUPS = PROJECT["dependency-groups"]


def lines(name: str) -> list[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return [line.strip() for line in text.splitlines() if line.strip() and line[0] != "#"]


def named(group: list[Any]) -> list[str]:
    return [item for item in group if isinstance(item, str)]


DIRECT = [*PROJECT["project"]["dependencies"], *named(GROUPS["test"])]
DEVELOPMENT = named(GROUPS["dev"])
PINS = {canonicalize_name(Requirement(line).name): line for line in lines("constraints.txt")}


def test_requirements_are_those_of_the_project() -> None:
    assert lines("requirements.txt") == ["-c constraints.txt", *DIRECT]


def test_requirements_for_development_are_those_of_the_project() -> None:
    assert lines("requirements-dev.txt") == ["-r requirements.txt", *DEVELOPMENT]


def test_every_direct_package_is_pinned_and_says_what_it_is_for() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for item in PROJECT["project"]["dependencies"]:
        assert re.fullmatch(r"[\w-]+==[\w.]+", item)
        assert re.search(rf'^  "{re.escape(item)}", # \w', text, re.MULTILINE), item


def test_the_build_tool_is_the_one_that_the_tests_use() -> None:
    assert set(PROJECT["build-system"]["requires"]) <= set(DEVELOPMENT)


@pytest.mark.parametrize("item", [*DIRECT, *DEVELOPMENT])
def test_what_a_package_needs_in_turn_is_pinned(item: str) -> None:
    """As far as this machine installs it: other systems' packages cannot be seen from here."""
    direct = {canonicalize_name(Requirement(line).name) for line in (*DIRECT, *DEVELOPMENT)}
    seen: set[str] = set()
    waiting = [Requirement(item)]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name in seen or not _is_installed(name):
            continue
        seen.add(name)
        if name not in direct:
            assert name in PINS, f"constraints.txt has no pin of {name}"
            assert version(name) in Requirement(PINS[name]).specifier
        waiting += _needs(name, wanted.extras)


def _needs(name: str, extras: set[str]) -> list[Requirement]:
    found = [Requirement(text) for text in requires(name) or ()]
    surroundings = [{**default_environment(), "extra": extra} for extra in ("", *extras)]
    return [
        each
        for each in found
        if each.marker is None or any(each.marker.evaluate(where) for where in surroundings)
    ]


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
