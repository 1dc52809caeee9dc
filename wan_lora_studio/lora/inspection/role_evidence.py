"""Role evidence: which of the two experts a LoRA file is for, and why we think so.

Strongest first: the infix of its keys, `modelspec.timestep_range`, its name, its folder's name, a
twin, `ss_sd_model_name`. `find_role` reads what one file says; `twins` compares names.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePath
from typing import Literal

from wan_lora_studio.lora.inspection.role_words import name_role, says_one_expert
from wan_lora_studio.lora.roles import Role
from wan_lora_studio.texts import say

Expert = Literal["both", "high", "low", "unsure"]

IDENTITY_FREE = frozenset({
    "model", "lora", "adapter_model", "pytorch_lora_weights", "diffusion_pytorch_model", "adapter",
})  # fmt: skip
ONE_EXPERT_FAMILIES = frozenset({"wan2.2-5B", "wan2.1-1.3B"})
BY_FOLDERS = 3  # of a file's folders that are asked, from its own upwards
MAX_DETAIL = 80
MODEL_FIELD = "ss_sd_model_name"  # the model that a LoRA was trained on


class EvidenceSource(StrEnum):
    """Where the evidence of a role was found."""

    USER = "user"
    KEYS = "keys"
    TIMESTEPS = "timesteps"
    FILE_NAME = "file_name"
    FOLDER_NAME = "folder_name"
    TWIN = "twin"
    MODEL_NAME = "model_name"
    NOTHING = "nothing"


class EvidenceStrength(StrEnum):
    """Whether evidence decides, or only says that the file may be one half of something."""

    STRONG = "strong"
    WEAK = "weak"


_DECIDES_OVER_TWIN = frozenset({
    EvidenceSource.USER, EvidenceSource.KEYS, EvidenceSource.TIMESTEPS,
    EvidenceSource.FILE_NAME, EvidenceSource.FOLDER_NAME,
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class RoleEvidence:
    """A role, where it was found, how much that counts, and the words that were found there.

    The role of weak evidence is a guess.
    """

    role: Role
    source: EvidenceSource
    strength: EvidenceStrength = EvidenceStrength.STRONG
    detail: str = ""

    @property
    def is_weak(self) -> bool:
        return self.strength is EvidenceStrength.WEAK

    @property
    def expert(self) -> Expert:
        return "unsure" if self.is_weak else self.role

    @property
    def outweighs_twins(self) -> bool:
        """Whether the names of other files change nothing."""
        return not self.is_weak and self.source in _DECIDES_OVER_TWIN

    @property
    def sentence(self) -> str:
        """The evidence in words, without a full stop, as after "high noise: "."""
        match self.source:
            case EvidenceSource.USER:
                return say("lora.inspection.evidence.by_hand")
            case EvidenceSource.KEYS:
                return say("lora.inspection.evidence.keys", experts=self.detail)
            case EvidenceSource.TIMESTEPS:
                return say("lora.inspection.evidence.timesteps", range=self.detail)
            case EvidenceSource.TWIN:
                return self._of_twin()
            case EvidenceSource.NOTHING:
                return say("lora.inspection.evidence.nothing")
        return self._perhaps() if self.is_weak else self._of_name()

    def _of_name(self) -> str:
        words = self.detail
        if self.source is EvidenceSource.FILE_NAME:
            return say("lora.inspection.evidence.file_name", words=words)
        if self.source is EvidenceSource.FOLDER_NAME:
            return say("lora.inspection.evidence.folder_name", words=words)
        return say("lora.inspection.evidence.header", field=MODEL_FIELD, words=words)

    def _perhaps(self) -> str:
        words = self.detail
        match self.source, self.role:
            case EvidenceSource.FILE_NAME, "high":
                return say("lora.inspection.evidence.file_name_perhaps_high", words=words)
            case EvidenceSource.FILE_NAME, _:
                return say("lora.inspection.evidence.file_name_perhaps_low", words=words)
            case EvidenceSource.FOLDER_NAME, "high":
                return say("lora.inspection.evidence.folder_name_perhaps_high", words=words)
            case EvidenceSource.FOLDER_NAME, _:
                return say("lora.inspection.evidence.folder_name_perhaps_low", words=words)
        return say("lora.inspection.evidence.perhaps_both", field=MODEL_FIELD, words=words)

    def _of_twin(self) -> str:
        if self.is_weak:
            return say("lora.inspection.evidence.perhaps_half", twin=self.detail)
        if self.role == "high":
            return say("lora.inspection.evidence.low_twin", twin=self.detail)
        return say("lora.inspection.evidence.high_twin", twin=self.detail)

    def to_text(self) -> str:
        """As the catalogue keeps it."""
        return "|".join((self.role, self.source, self.strength, self.detail))

    @classmethod
    def from_text(cls, text: str) -> RoleEvidence:
        """The reverse of `to_text`. Raises ValueError on other text."""
        role, source, strength, detail = text.split("|", 3)
        if role not in _ROLES:
            raise ValueError(f"{role!r} is no role")
        found = cls(_ROLES[role], EvidenceSource(source), EvidenceStrength(strength), detail)
        return NO_EVIDENCE if found == NO_EVIDENCE else found

    def to_dict(self) -> dict[str, str]:
        """For people and programs; `text` is the sentence."""
        return {
            "role": self.role,
            "source": self.source.value,
            "strength": self.strength.value,
            "detail": self.detail,
            "text": self.sentence,
        }


_ROLES: dict[str, Role] = {"both": "both", "high": "high", "low": "low"}
NO_EVIDENCE = RoleEvidence("both", EvidenceSource.NOTHING)
BY_HAND: Mapping[Role, RoleEvidence] = {
    role: RoleEvidence(role, EvidenceSource.USER) for role in _ROLES.values()
}


def find_role(
    key_experts: set[str],
    metadata: Mapping[str, str],
    hint: str | PurePath,
    *,
    family: str = "unknown",
) -> RoleEvidence:
    """What one file says of its role. `hint` is its path, relative to the library or just a name.

    Weak evidence is returned if there is no strong one. Names say nothing of a file for a model
    with one transformer: its `family` or its name says that.
    """
    found = _from_keys(key_experts) or _from_timesteps(metadata.get("modelspec.timestep_range", ""))
    path = str(hint).replace(os.sep, "/")
    if found or family in ONE_EXPERT_FAMILIES or says_one_expert(_without_suffix(path)):
        return found or NO_EVIDENCE
    said = [
        evidence
        for evidence in (*_from_path(path), _from_model(metadata.get(MODEL_FIELD, "")))
        if evidence
    ]
    strong = (evidence for evidence in said if not evidence.is_weak)
    return next(strong, said[0] if said else NO_EVIDENCE)


def stem_and_folder(hint: str | PurePath) -> tuple[str, str]:
    """The stem of a path, and the name of the folder that it lies in ("" if it says none)."""
    folder, _, name = str(hint).replace(os.sep, "/").rpartition("/")
    end = name.rfind(".")
    return name[:end] if end > 0 else name, folder.rpartition("/")[2]


def _without_suffix(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    return folder + slash + stem_and_folder(name)[0]


def _from_keys(experts: set[str]) -> RoleEvidence | None:
    if not experts:
        return None
    if len(experts) > 1:
        return RoleEvidence(
            "both", EvidenceSource.KEYS, detail=say("lora.inspection.evidence.both_experts")
        )
    if "high" in experts:
        only_high = say("lora.inspection.evidence.only_high")
        return RoleEvidence("high", EvidenceSource.KEYS, detail=only_high)
    only_low = say("lora.inspection.evidence.only_low")
    return RoleEvidence("low", EvidenceSource.KEYS, detail=only_low)


def _from_timesteps(text: str) -> RoleEvidence | None:
    numbers = [float(number) for number in re.findall(r"\d{1,9}(?:\.\d{1,9})?", text[:200])]
    if len(numbers) != 2:
        return None
    start, end = sorted(numbers)
    if end <= 1:  # as shares of all steps
        start, end = start * 1000, end * 1000
    said = text.strip()[:40]
    if end - start >= 950:
        return RoleEvidence("both", EvidenceSource.TIMESTEPS, detail=said)
    if start >= 500 and end >= 950:
        return RoleEvidence("high", EvidenceSource.TIMESTEPS, detail=said)
    if start <= 50:
        return RoleEvidence("low", EvidenceSource.TIMESTEPS, detail=said)
    return None


def _from_path(path: str) -> tuple[RoleEvidence | None, RoleEvidence | None]:
    stem, _ = stem_and_folder(path)
    return _from_name(stem, EvidenceSource.FILE_NAME), folder_evidence(path.rpartition("/")[0])


def folder_evidence(folder: str) -> RoleEvidence | None:
    """What a file's folder, or one above it, says; the nearest decides.

    Of a path outside the library, which is absolute, only the folder itself is asked.
    """
    parts = folder.split("/")
    absolute = folder[:1] == "/" or folder[1:2] == ":"
    weak = None
    for part in parts[: -(2 if absolute else BY_FOLDERS + 1) : -1]:
        found = _from_name(part, EvidenceSource.FOLDER_NAME)
        if found and not found.is_weak:
            return found
        weak = weak or found
    return weak


def _from_name(name: str, source: EvidenceSource) -> RoleEvidence | None:
    found = name_role(name, folder=source is EvidenceSource.FOLDER_NAME) if name else None
    if found is None:
        return None
    strength = EvidenceStrength.WEAK if found.weak else EvidenceStrength.STRONG
    return RoleEvidence(found.role, source, strength, found.words[:MAX_DETAIL])


def _from_model(text: str) -> RoleEvidence | None:
    """musubi trains both experts in one run and names only the low model, so "low" is weak."""
    folder, _, name = text[:2000].replace("\\", "/").rstrip("/").rpartition("/")
    found = name_role(name) or name_role(folder.rpartition("/")[2], folder=True)
    if found is None or found.weak:
        return None
    strength = EvidenceStrength.WEAK if found.role == "low" else EvidenceStrength.STRONG
    return RoleEvidence(found.role, EvidenceSource.MODEL_NAME, strength, found.words[:MAX_DETAIL])


def has_identity(stem: str) -> bool:
    """False for a name such as `model` that takes its identity from its folder."""
    return bool(stem) and stem.casefold() not in IDENTITY_FREE
