"""`LoRAInfo`: what is known of a LoRA file, as a value that the catalogue can keep."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from backend.lora.experts import Role
from backend.lora.layers import LayerGroup
from backend.lora.metadata import Description
from backend.lora.scaling import Scaling
from backend.lora.shapes import Algebra

INFO_VERSION = 3  # to be raised whenever the reading of files changes


@dataclass(frozen=True)
class LoRAInfo:
    """One file. Sizes in bytes; `ranks` ascending, empty for full matrices and diffs.

    `alpha` is the one alpha value of all layers, else None; `problems` are reasons why no model
    can take the file. `width` is the hidden size that its layers are made for; `task_hints` maps
    task → evidence. `ignored` maps key → reason; `unknown` are keys of no known layer.
    """

    dialects: tuple[str, ...]
    algebras: tuple[Algebra, ...]
    ranks: tuple[int, ...]
    rank: int | None
    alpha: float | None
    alphas: tuple[float, ...]
    scaling: Scaling
    expert: Role
    expert_evidence: str
    family: str
    width: int | None
    task_hints: dict[str, str]
    blocks: int
    modules: int
    tensors: int
    tensor_bytes: int
    parameters: int
    dtypes: tuple[str, ...]
    description: Description
    model_hash: str
    layers: tuple[LayerGroup, ...]
    ignored: dict[str, str]
    unknown: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def trigger_words(self) -> tuple[str, ...]:
        return self.description.trigger_words

    @property
    def dialect(self) -> str:
        """The layout's name; several joined by `+`, none as an empty string."""
        return "+".join(self.dialects)

    def to_json(self) -> str:
        """Everything, as the catalogue keeps it."""
        plain: dict[str, Any] = {"version": INFO_VERSION}
        plain |= {name: getattr(self, name) for name in self.__dataclass_fields__}
        plain["layers"] = [layer.to_plain() for layer in self.layers]
        plain["scaling"] = self.scaling.to_plain()
        plain["description"] = asdict(self.description)
        return json.dumps(plain)

    @classmethod
    def from_json(cls, text: str) -> LoRAInfo:
        """The reverse of `to_json`. Raises ValueError, TypeError or KeyError on other text."""
        plain: dict[str, Any] = json.loads(text)
        if plain.pop("version", None) != INFO_VERSION:
            raise ValueError("written by another version")
        plain["layers"] = tuple(LayerGroup.from_plain(layer) for layer in plain["layers"])
        plain["scaling"] = Scaling.from_plain(plain["scaling"])
        plain["description"] = Description.from_plain(plain["description"])
        for name in ("dialects", "algebras", "ranks", "alphas", "dtypes", "unknown", "problems"):
            plain[name] = tuple(plain[name])
        return cls(**plain)
