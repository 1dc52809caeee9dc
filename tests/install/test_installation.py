"""The installed package: built here, put into an empty environment, used from another folder.

The environment sees the packages of this one, so that nothing is downloaded; the package itself is
installed as pip installs it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client

from lora_ui.static import ASSETS_URL
from tests.support.loras.variants import lora_for
from tests.support.paths import ROOT
from tests.support.tiny_models import tiny_transformer
from wan_lora_studio.ui.http.guide import LISTED

pytestmark = pytest.mark.slow  # it builds and installs the package
SECONDS = 600
MOST_MB = 40  # of the wheel; nearly all of it is the demo model and its LoRAs
HOST_MODULES = ("utils", "ui", "app", "backend")
USE = """
import app, backend, ui, utils
from wan_lora_studio import LoRAManager, LoRAUploadHandler, load_settings
from lora_ui.routes import create_lora_router
from lora_ui.lora_tab import _create_lora_tab

loras = LoRAManager(load_settings(loras_dir="styles"))
record = loras.upload_lora_file("mine.safetensors", "mine.safetensors")
print(app.OWNER, backend.OWNER, ui.OWNER, utils.OWNER, record["name"], record["status"])
"""


@dataclass(frozen=True)
class Installation:
    venv: Path
    packages: Path
    wheel: Path
    home: Path
    host: Path  # another project's folder, in which everything runs

    @property
    def programs(self) -> Path:
        return self.venv / ("Scripts" if sys.platform == "win32" else "bin")

    @property
    def command(self) -> str:
        return str(self.programs / "wan-lora-studio")

    @property
    def own_folder(self) -> Path:
        return self.home / "wan-lora-studio"

    def variables(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("WAN_LORA_")}
        home = str(self.home)
        return {**kept, "HOME": home, "USERPROFILE": home, "PYTHONDONTWRITEBYTECODE": "1"}

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.host,
            env=self.variables(),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def package_files(self) -> dict[str, tuple[int, int]]:
        """The files in the environment with their sizes and times."""
        files = (path for path in self.packages.rglob("*") if path.is_file())
        facts = {str(path): path.stat() for path in files}
        return {name: (fact.st_size, fact.st_mtime_ns) for name, fact in facts.items()}


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("install")
    wheel = build(folder)
    venv.create(folder / "venv")
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "venv")]
    subprocess.run([*pip, "install", "-q", "--no-deps", "--no-index", wheel], check=True)
    base = {"base": str(folder / "venv"), "platbase": str(folder / "venv")}
    packages = Path(sysconfig.get_path("purelib", scheme="venv", vars=base))
    (packages / "here.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    for name in ("home", "host"):
        (folder / name).mkdir()
    for name in HOST_MODULES:
        (folder / "host" / f"{name}.py").write_text('OWNER = "host"\n', encoding="utf-8")
    shutil.copy(ROOT / "loras" / "golden_hour.safetensors", folder / "host" / "mine.safetensors")
    return Installation(folder / "venv", packages, wheel, folder / "home", folder / "host")


def build(folder: Path) -> Path:
    """The wheel of what git knows of the checkout, and of what a user may have beside it."""
    checkout = folder / "checkout"
    names = ("wan_lora_studio", "lora_ui", "config.json", "models/demo", "loras", "docs")
    for name in (*names, "pyproject.toml", "constraints.txt", "README.md", "LICENSE", "utils.py"):
        source, target = ROOT / name, checkout / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copy: Any = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, target)
    (checkout / "loras" / "private.safetensors").write_bytes(b"a LoRA of the user")
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--no-index", "-w", folder / "dist", checkout], check=True)
    return next((folder / "dist").glob("*.whl"))


def test_the_wheel_holds_the_two_packages_and_nothing_of_the_user(
    installation: Installation,
) -> None:
    names = zipfile.ZipFile(installation.wheel).namelist()
    top = {name.partition("/")[0] for name in names if ".dist-info" not in name}
    assert top == {"wan_lora_studio", "lora_ui"}
    loras = {name.rpartition("/")[2] for name in names if "/share/loras/" in name}
    assert loras == {path.name for path in (ROOT / "loras").iterdir() if shipped(path)}
    assert "wan_lora_studio/share/config.json" in names
    guide = {name.removeprefix("wan_lora_studio/share/") for name in names if "/share/" in name}
    assert set(LISTED) <= guide
    assert installation.wheel.stat().st_size < MOST_MB * 1e6


def shipped(path: Path) -> bool:
    """Whether a file of the checkout's library is one of the demo's."""
    command = ["git", "ls-files", "--error-unmatch", str(path)]
    return not subprocess.run(command, cwd=ROOT, capture_output=True, check=False).returncode


def test_the_command_says_its_version_and_its_own_name(installation: Installation) -> None:
    assert "Wan2.2 LoRA Studio 0.1.0" in installation.run(installation.command, "--version").stdout
    module = [str(installation.programs / "python"), "-m", "wan_lora_studio", "--help"]
    told = installation.run(*module).stdout
    assert "usage: wan-lora-studio" in told
    assert "app.py" not in told


@pytest.mark.slow
def test_a_video_is_made_in_any_folder(installation: Installation) -> None:
    before = installation.package_files()
    words = ["--prompt", "a red circle moving right on a navy background", "--steps", "2"]
    words += ["--lora", "golden_hour=0.8", "--seed", "7", "--out", "clip.mp4"]
    made = installation.run(installation.command, "generate", *words)
    assert made.returncode == 0, made.stderr
    assert (installation.host / "clip.mp4").read_bytes()[4:8] == b"ftyp"
    assert "LoRA golden_hour: applied" in made.stdout
    folders = {path.name for path in installation.own_folder.iterdir()}
    assert {"loras", "outputs"} <= folders <= {"loras", "outputs", "data", "models"}
    assert installation.package_files() == before, "nothing is written beside the code"


def test_what_was_deleted_from_the_library_stays_away(installation: Installation) -> None:
    library = installation.own_folder / "loras"
    begin = (
        "from wan_lora_studio.shipped import put_demo_loras; from pathlib import Path; import sys"
    )
    python = str(installation.programs / "python")
    code = f"{begin}; put_demo_loras(Path(sys.argv[1]))"
    assert installation.run(python, "-c", code, str(library)).returncode == 0
    (library / "pixel_mosaic.safetensors").unlink()
    assert installation.run(python, "-c", code, str(library)).returncode == 0
    assert not (library / "pixel_mosaic.safetensors").exists()
    assert (library / "golden_hour.safetensors").exists()
    elsewhere = installation.home / "another library"
    assert installation.run(python, "-c", code, str(elsewhere)).returncode == 0
    assert not elsewhere.exists(), "a library in another place is begun empty"


def test_the_settings_of_the_users_folder_are_read(installation: Installation) -> None:
    installation.own_folder.mkdir(exist_ok=True)
    own = installation.own_folder / "config.json"
    own.write_text('{"steps": 1}', encoding="utf-8")
    refused = installation.run(installation.command, "generate", "--prompt", "a circle")
    own.unlink()
    assert refused.returncode == 1
    assert "steps: there is no such setting" in refused.stderr


def test_another_project_imports_it_beside_modules_of_the_same_names(
    installation: Installation,
) -> None:
    used = installation.run(str(installation.programs / "python"), "-c", USE)
    assert used.returncode == 0, used.stderr
    assert used.stdout.split() == ["host"] * len(HOST_MODULES) + ["mine", "ok"]
    assert (installation.host / "styles" / "mine.safetensors").is_file()


@dataclass(frozen=True)
class Host:
    """A running one: its address, where the extension's routes are, whose its four modules are,
    and where ours comes from."""

    address: str
    routes: str
    owners: list[str]
    ours: str


@pytest.fixture(scope="module")
def host(installation: Installation) -> Iterator[Host]:
    shutil.copy(ROOT / "tests" / "install" / "host_program.py", installation.host / "main.py")
    python = str(installation.programs / "python")
    with subprocess.Popen(
        [python, "main.py", str(free_port())],
        cwd=installation.host,
        env={**installation.variables(), "GRADIO_ANALYTICS_ENABLED": "False"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            address, key, owners, ours = json.loads(process.stdout.readline())
            yield Host(address, f"{address}lora-studio/{key}", owners, ours)
        finally:
            process.terminate()


def test_a_hosts_page_has_its_own_modules_and_ours(host: Host, installation: Installation) -> None:
    assert host.owners == ["host"] * len(HOST_MODULES)
    assert Path(host.ours).is_relative_to(installation.packages)


def test_a_hosts_page_serves_every_file_of_the_extension(host: Host) -> None:
    page = asked(host.address, "").decode()
    assert host.routes.rpartition("/")[2] in page
    folder = ROOT / "lora_ui" / "assets"
    for path in (path for path in folder.rglob("*") if path.suffix in (".js", ".css")):
        name = path.relative_to(folder).as_posix()
        assert asked(host.routes, f"{ASSETS_URL}/{name}") == path.read_bytes()
    assert json.loads(asked(host.routes, "/api/status"))["loras"] == {}


def test_a_lora_uploaded_in_a_host_is_applied_to_its_pipeline(host: Host, tmp_path: Path) -> None:
    made = lora_for(tiny_transformer())
    content = made.save(tmp_path / "a.safetensors").read_bytes()
    assert json.loads(asked(host.routes, "/api/loras"))["models"][0]["known"]
    answer = asked(host.routes, "/api/loras/upload?filename=glow.safetensors", content)
    record = json.loads(answer)["record"]
    assert (record["name"], record["status"]) == ("glow", "ok")
    (model,) = record["compatible_models"]
    fit = json.loads(asked(host.routes, f"/api/loras/details?name=glow&model={model}"))["fit"]
    assert fit["verdict"] == "fits"
    client = Client(host.address, verbose=False, analytics_enabled=False)
    try:
        done = client.predict({"glow": 0.5}, api_name="/generate")
    finally:
        client.close()
    assert set(done["changed"]) == made.exact["high"].keys()
    assert done["coverage"] == {"glow": fit["coverage"]}
    assert done["restored"]
    (card,) = (
        card
        for card in json.loads(asked(host.routes, "/api/loras"))["loras"]
        if card["name"] == "glow"
    )
    assert (card["use_count"], card["last_strength"]) == (1, 0.5)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def address(installation: Installation) -> Iterator[str]:
    command = [installation.command, "--port", "0", "--no-browser"]
    with subprocess.Popen(
        command,
        cwd=installation.host,
        env={**installation.variables(), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found is not None
            yield found[0].rstrip("/")
        finally:
            process.terminate()


@pytest.mark.slow
def test_the_page_is_served_and_its_worker_makes_a_video(address: str) -> None:
    assert "Wan2.2 LoRA Studio" in asked(address, "/").decode()
    for place, files in (("lora_ui", "lora_ui/assets"), ("ui", "wan_lora_studio/ui/assets")):
        folder = ROOT / files
        for path in (path for path in folder.rglob("*") if path.suffix in (".js", ".css")):
            name = path.relative_to(folder).as_posix()
            assert asked(address, f"/{place}/assets/{name}") == path.read_bytes()
    assert "golden_hour" in asked(address, "/api/loras").decode()
    prompt = "a red circle moving right on a navy background"
    task = {"model_type": "demo", "prompt": prompt, "steps": 2}
    job = json.loads(asked(address, "/api/jobs", {"task": task}))["id"]
    end = time.monotonic() + SECONDS
    state = "queued"
    while state in ("queued", "running"):
        assert time.monotonic() < end
        time.sleep(0.2)
        state = json.loads(asked(address, f"/api/jobs/{job}"))["state"]
    assert state == "done"


def asked(address: str, path: str, body: dict[str, Any] | bytes | None = None) -> bytes:
    """The answer to a GET; to a POST of JSON, or a PUT of bytes."""
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    method = "PUT" if isinstance(body, bytes) else None
    kind = {"Content-Type": "application/json"}
    request = urllib.request.Request(address + path, data, kind, method=method)
    with urllib.request.urlopen(request, timeout=SECONDS) as answer:
        found: bytes = answer.read()
    return found
