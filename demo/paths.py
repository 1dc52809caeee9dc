"""Where the build reads and writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Paths:
    """Folders of one build."""

    work: Path = ROOT / "demo" / ".work"
    model: Path = ROOT / "models" / "demo"
    loras: Path = ROOT / "loras"

    @property
    def vae(self) -> Path:
        return self.work / "vae"

    @property
    def text(self) -> Path:
        return self.work / "text"

    @property
    def latents(self) -> Path:
        return self.work / "latents"
