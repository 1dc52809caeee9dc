"""The container: nothing runs as root or writes to the image, and every version is named."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import yaml

from tests.support.paths import ROOT
from wan_lora_studio.ui.command_line.arguments import build_parser
from wan_lora_studio.ui.static import HEALTH

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
LINES = [
    line.strip()
    for line in DOCKERFILE.replace("\\\n", " ").splitlines()
    if line.strip() and not line.startswith("#")
]


def instructions(name: str) -> list[str]:
    return [line.removeprefix(f"{name} ") for line in LINES if line.startswith(f"{name} ")]


def test_every_line_is_an_instruction() -> None:
    known = "FROM|ARG|ENV|RUN|WORKDIR|COPY|USER|VOLUME|EXPOSE|HEALTHCHECK|ENTRYPOINT|CMD"
    assert [line for line in LINES if not re.match(rf"({known}) ", line)] == []


def test_images_have_a_version() -> None:
    images = [*instructions("FROM"), COMPOSE["services"]["clamd"]["image"]]
    for image in images:
        assert re.fullmatch(r"[\w./-]+:\d[\w.-]*", image), image


def test_nothing_runs_as_root() -> None:
    (user,) = instructions("USER")
    assert user not in ("root", "0")
    after = LINES[LINES.index(f"USER {user}") :]
    assert not [line for line in after if line.startswith(("RUN ", "COPY ", "USER root"))]


def test_nothing_is_downloaded_but_packages() -> None:
    assert not re.search(r"\b(curl|wget|git clone|ADD)\b", DOCKERFILE)
    assert "--no-cache-dir" in DOCKERFILE or "PIP_NO_CACHE_DIR" in DOCKERFILE


def test_torch_is_the_pinned_one() -> None:
    pinned = re.search(r"^torch==(\S+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert pinned
    assert f"torch=={pinned[1]}" in DOCKERFILE


def test_the_health_check_asks_what_is_there() -> None:
    (check,) = instructions("HEALTHCHECK")
    assert f"7860{HEALTH}" in check
    assert compile(re.search(r'"-c", "(.*)"\]', check)[1], "check", "exec")  # type: ignore[index]


def test_the_command_line_takes_what_is_given() -> None:
    words = [shlex.split(line.strip("[]").replace(",", " ")) for line in instructions("ENTRYPOINT")]
    more = [shlex.split(line.strip("[]").replace(",", " ")) for line in instructions("CMD")]
    parser = build_parser("0")
    given = words[0][2:]
    assert parser.parse_args([*given, *more[0]]).host == "0.0.0.0"
    added = parser.parse_args([*given, "users", "add", "anna", "--role", "admin"])
    assert (added.command, added.name, added.role) == ("users", "anna", "admin")
    assert str(added.data_dir) == "/studio/data"


@pytest.mark.parametrize("service", ["studio"])
def test_the_service_can_write_to_its_volumes_alone(service: str) -> None:
    found = COMPOSE["services"][service]
    assert found["read_only"] is True
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert found["pids_limit"] > 0
    assert all(port.startswith("127.0.0.1:") for port in found["ports"])
    for volume in found["volumes"]:
        name, target = volume.split(":")[:2]
        assert name in COMPOSE["volumes"]
        assert target.startswith(("/studio/", "/run/clamav"))


def test_what_is_private_is_not_copied_into_the_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".venv", "data", "outputs"} <= set(ignored)
