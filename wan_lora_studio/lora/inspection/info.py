"""Info on a LoRA file, as a value that the catalogue can keep: `LoRAInfo`.

What follows from the keys, dtypes and shapes alone is a `Form`. Files of one trainer at one rank
share it, so it is kept once for all of them, in memory and in the catalogue.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any

from wan_lora_studio.lora.description import Description
from wan_lora_studio.lora.inspection.layers import LayerGroup
from wan_lora_studio.lora.inspection.role_evidence import Expert, RoleEvidence
from wan_lora_studio.lora.inspection.scaling import Scaling
from wan_lora_studio.lora.inspection.shapes import Algebra

INFO_VERSION = 8  # to be raised whenever the reading of files changes
DESCRIBED = tuple(item.name for item in fields(Description))


@dataclass(frozen=True, slots=True)
class Form:
    """What the tensors' keys, dtypes and shapes say. Sizes in bytes.

    `key` names the form: files of the same key have the same tensors in the same order. `ranks`
    ascend and are empty for full matrices and diffs; `width` is the hidden size that the layers
    are made for; `problems` are reasons why no model can take the file. `ignored` maps key →
    reason; `unknown` are keys of no known layer; `unread` counts the layers that they name, by
    expert or "both".
    """

    key: str
    dialects: tuple[str, ...]
    algebras: tuple[Algebra, ...]
    ranks: tuple[int, ...]
    rank: int | None
    family: str
    width: int | None
    blocks: int
    modules: int
    tensors: int
    tensor_bytes: int
    parameters: int
    dtypes: tuple[str, ...]
    layers: tuple[LayerGroup, ...]
    ignored: dict[str, str]
    unknown: tuple[str, ...]
    unread: dict[str, int]
    problems: tuple[str, ...]

    def to_json(self) -> str:
        """Everything, as the catalogue keeps it."""
        plain: dict[str, Any] = {"version": INFO_VERSION}
        plain |= {item.name: getattr(self, item.name) for item in fields(self)}
        plain["layers"] = [layer.to_plain() for layer in self.layers]
        return json.dumps(plain)

    @classmethod
    def from_json(cls, text: str) -> Form:
        """The reverse of `to_json`. Raises ValueError, TypeError or KeyError on other text."""
        plain: dict[str, Any] = json.loads(text)
        _require_version(plain)
        plain["layers"] = tuple(LayerGroup.from_plain(layer) for layer in plain["layers"])
        for name in ("dialects", "algebras", "ranks", "dtypes", "unknown", "problems"):
            plain[name] = tuple(plain[name])
        return cls(**plain)


@dataclass(frozen=True, slots=True)
class LoRAInfo:
    """One file: its form, and what is its own.

    `alphas` are the values of one alpha of each kind of layer and of one kind in every block, or,
    if those differ, of all. `alpha` is the one value that they all have, else None; `task_hints`
    maps task → evidence. `notes` are sentences about what of its metadata was left out.
    """

    form: Form
    alphas: tuple[float, ...]
    scaling: Scaling
    evidence: RoleEvidence
    task_hints: dict[str, str]
    description: Description
    model_hash: str
    notes: tuple[str, ...] = ()

    @property
    def expert(self) -> Expert:
        """What this file alone says; a twin or the user may say more."""
        return self.evidence.expert

    @property
    def expert_evidence(self) -> str:
        """The evidence in words."""
        return self.evidence.sentence

    @property
    def alpha(self) -> float | None:
        return self.alphas[0] if len(self.alphas) == 1 else None

    @property
    def dialects(self) -> tuple[str, ...]:
        return self.form.dialects

    @property
    def dialect(self) -> str:
        """The layout's name; several joined by `+`, none as an empty string."""
        return "+".join(self.form.dialects)

    @property
    def algebras(self) -> tuple[Algebra, ...]:
        return self.form.algebras

    @property
    def ranks(self) -> tuple[int, ...]:
        return self.form.ranks

    @property
    def rank(self) -> int | None:
        return self.form.rank

    @property
    def family(self) -> str:
        return self.form.family

    @property
    def width(self) -> int | None:
        return self.form.width

    @property
    def blocks(self) -> int:
        return self.form.blocks

    @property
    def modules(self) -> int:
        return self.form.modules

    @property
    def tensors(self) -> int:
        return self.form.tensors

    @property
    def tensor_bytes(self) -> int:
        return self.form.tensor_bytes

    @property
    def parameters(self) -> int:
        return self.form.parameters

    @property
    def dtypes(self) -> tuple[str, ...]:
        return self.form.dtypes

    @property
    def layers(self) -> tuple[LayerGroup, ...]:
        return self.form.layers

    @property
    def ignored(self) -> dict[str, str]:
        return self.form.ignored

    @property
    def unknown(self) -> tuple[str, ...]:
        return self.form.unknown

    @property
    def unread(self) -> dict[str, int]:
        return self.form.unread

    @property
    def problems(self) -> tuple[str, ...]:
        return self.form.problems

    @property
    def trigger_words(self) -> tuple[str, ...]:
        return self.description.trigger_words

    def own_plain(self) -> dict[str, Any]:
        """What is the file's own, ready for JSON; empty texts are left out."""
        said = self.description
        description = {name: value for name in DESCRIBED if (value := getattr(said, name))}
        return {
            "version": INFO_VERSION,
            "alphas": self.alphas,
            "scaling": self.scaling.to_plain(),
            "evidence": self.evidence.to_text(),
            "task_hints": self.task_hints,
            "description": description,
            "model_hash": self.model_hash,
            "notes": self.notes,
        }

    def own_json(self) -> str:
        """`own_plain` as the catalogue keeps it."""
        return json.dumps(self.own_plain(), ensure_ascii=False)

    @classmethod
    def from_own_json(cls, form: Form, text: str) -> LoRAInfo:
        """The reverse of `own_json`. Raises ValueError, TypeError or KeyError on other text."""
        plain: dict[str, Any] = json.loads(text)
        _require_version(plain)
        return cls(
            form=form,
            alphas=tuple(plain["alphas"]),
            scaling=Scaling.from_plain(plain["scaling"]),
            evidence=RoleEvidence.from_text(plain["evidence"]),
            task_hints=plain["task_hints"],
            description=Description.from_plain(plain["description"]),
            model_hash=plain["model_hash"],
            notes=tuple(plain["notes"]),
        )


def _require_version(plain: dict[str, Any]) -> None:
    if plain.pop("version", None) != INFO_VERSION:
        raise ValueError("written by another version")
