"""A library as eight tools keep LoRAs: their folders, what lies beside each file, and links.

Every file has content of its own, so that a test can tell where each one has gone.
"""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.loras.files import write_lora

LORA = ".safetensors"
REVISION = "5f0c3b2a1d4e6f708192a3b4c5d6e7f801234567"
HUB = f"hub/models--org--wan-loras/snapshots/{REVISION}"
# By folder and stem, what follows the stem in the names of its files.
SINGLES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    # A1111 with the Civitai helper, and its old descriptions
    "a1111/models/Lora": {
        "ink wash": (".png", ".json", ".txt"),
        "paper": (".preview.png", ".civitai.info", ".description.txt"),
        "bare": (),
    },
    "a1111/models/Lora/people/by me": {"face (v1.2)": (".PNG", ".json"), "face": (".jpg",)},
    "a1111/models/LyCORIS": {"lokr.v2": (".preview.png", ".txt")},
    # Forge, and its forks
    "forge/models/Lora/wan": {
        "neon": (".png", ".json", ".civitai.info"),
        "neon.preview": (".jpeg", ".json"),  # what looks like a preview of the one above
        "glow": (".webp", ".Preview.png"),
    },
    # ComfyUI with LoRA-Manager, rgthree and pysssss' scripts
    "comfy/models/loras": {
        "Orbit": (".metadata.json", ".webp"),
        "orbit-cam": (".metadata.json", ".mp4", ".safetensors.rgthree-info.json"),
        "tagged": (".txt", ".sha256", ".safetensors.png"),
    },
    "comfy/models/loras/wan 2.2/motion": {"dolly": (".mp4", ".preview.webp", ".metadata.json")},
    # WanGP
    "wangp/loras/wan": {"fast": (), "slow.v1": (".txt", ".gif")},
    "wangp/loras/wan_i2v": {"zoom": (".avif",)},
    # SwarmUI
    "swarm/Models/Lora": {"pixel": (".swarm.json", ".jpg"), "voxel": (".swarm.json", ".thumb.jpg")},
    # InvokeAI gives each model a folder of its own
    "invoke/models/0b9f0f8e-1c11-4b0e-9d0c-8f6f2f1c2a31": {"sketch": ()},
    "invoke/models/wan/lora": {"charcoal": (".png",)},
    # Stability Matrix
    "matrix/Models/Lora": {
        "lava": (".cm-info.json", ".preview.jpeg"),
        "ice": (".cm-info.json", ".preview.png", ".json"),
    },
}
PAIRS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "comfy/models/loras/wan 2.2": {
        "walk": ("_high_noise.metadata.json", "_low_noise.metadata.json", "_high_noise.webp"),
    },
    "wangp/loras/wan": {"run": (".txt", "_low_noise.png")},
    "matrix/Models/Lora": {
        "jump": ("_high_noise.cm-info.json", "_low_noise.cm-info.json", ".preview.png"),
    },
}
# In the hub cache these are links, as everything there.
LINKED = {"cached": (".png", ".json"), "other": ()}
DECOMPOSED = {"café": (".png", ".txt"), "über": (".json",)}  # as a Mac wrote them
STRAYS = (
    "a1111/models/Lora/readme.md", "a1111/models/Lora/ghost.png", "wangp/loras/wan/mine.lset",
    "a1111/models/Lora/put Lora here.txt", "comfy/models/loras/put_loras_here",
    "forge/models/Lora/wan/neonlight.png", "comfy/models/loras/Orbit.zip", "swarm/Models/notes.txt",
)  # fmt: skip
HALVES = ("_high_noise", "_low_noise")


@dataclass(frozen=True)
class Kept:
    """One LoRA with all its files: what follows the stem, and the SHA256 of the content."""

    folder: str
    stem: str
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def paths(self) -> dict[str, str]:
        prefix = f"{self.folder}/{self.stem}" if self.folder else self.stem
        return {f"{prefix}{tail}": sha for tail, sha in self.files.items()}


def write_trees(root: Path) -> dict[str, Kept]:
    """Write all of it; the LoRAs by name."""
    found: dict[str, Kept] = {}
    for folder, stems in SINGLES.items():
        for stem, tails in stems.items():
            found[stem] = _written(root, folder, stem, (LORA, *tails))
    for folder, stems in PAIRS.items():
        for stem, tails in stems.items():
            halves = tuple(f"{half}{LORA}" for half in HALVES)
            found[stem] = _written(root, folder, stem, (*halves, *tails))
    for stem, tails in DECOMPOSED.items():
        raw = unicodedata.normalize("NFD", stem)
        found[stem] = _written(root, "mac", raw, (LORA, *tails))
    for stem, tails in LINKED.items():
        found[stem] = _written(root, HUB, stem, (LORA, *tails))
        for path in found[stem].paths:
            _into_blobs(root, root / path)
    for number, stray in enumerate(STRAYS):
        (root / stray).parent.mkdir(parents=True, exist_ok=True)
        (root / stray).write_text(f"stray {number}")
    package = root / "matrix" / "Packages" / "ComfyUI" / "models" / "loras"
    package.parent.mkdir(parents=True)
    package.symlink_to("../../../Models/Lora", target_is_directory=True)
    return found


def _written(root: Path, folder: str, stem: str, tails: tuple[str, ...]) -> Kept:
    files = {}
    for tail in tails:
        path = root / folder / f"{stem}{tail}"
        path.parent.mkdir(parents=True, exist_ok=True)
        seed = int.from_bytes(hashlib.sha256(str(path).encode()).digest()[:4])
        if tail.endswith(LORA):
            write_lora(path, seed=seed)
        elif tail.endswith((".json", ".info")):
            path.write_text(json.dumps({"description": f"{stem}{tail}", "seed": seed}))
        else:
            path.write_text(f"{folder}/{stem}{tail}")
        files[tail] = _sha256(path)
    return Kept(folder, stem, files)


def _into_blobs(root: Path, path: Path) -> None:
    blob = root / HUB.partition("/snapshots")[0] / "blobs" / _sha256(path)
    blob.parent.mkdir(exist_ok=True)
    path.rename(blob)
    path.symlink_to(os.path.relpath(blob, path.parent))


def found_in(root: Path) -> dict[str, str]:
    """Every visible file with the SHA256 of its content; a link's is that of what it leads to."""
    found = {}
    for here, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(here, name)
            if not name.startswith("."):
                found[path.relative_to(root).as_posix()] = _sha256(path)
    return found


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
