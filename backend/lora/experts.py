"""Which of the two experts a LoRA file is for: evidence from keys, header, names.

First evidence that decides: key infix, `modelspec.timestep_range`, `ss_sd_model_name`, file
name, folder name. Nothing found means both experts.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

Role = Literal["both", "high", "low"]

# After "high" or "low", these words make it a statement about something else than noise.
OTHER_MEANINGS = frozenset({
    "vram", "ram", "memory", "angle", "angles", "cfg", "res", "resolution", "poly", "polygon",
    "light", "lighting", "key", "quality", "speed", "detail", "details", "detailed", "contrast",
    "fps", "motion", "heel", "heels", "school", "fashion", "kick", "jump", "five", "ground", "tech",
    "end", "rise", "waist", "cut", "neck", "up", "fantasy", "camera", "shot", "view", "rate",
    "risk", "definition", "texture", "frequency", "budget", "fidelity", "saturation", "exposure",
    "dynamic", "frame", "frames", "lr", "loss", "ponytail", "collar", "tide", "altitude", "society",
    "class",
})  # fmt: skip
# These say nothing either, unless a number follows: `low_steps`, but `HIGH_step_2000`.
COUNTED_MEANINGS = frozenset({"step", "steps", "rank", "dim"})
IDENTITY_FREE = frozenset({
    "model", "lora", "adapter_model", "pytorch_lora_weights", "diffusion_pytorch_model",
})  # fmt: skip
_MAY_STATE = re.compile(r"high|low|[-_. ][HL]\Z", re.IGNORECASE)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_]+")


@dataclass(frozen=True)
class RoleEvidence:
    """A role and the sentence that says where it was found."""

    role: Role
    evidence: str


@dataclass(frozen=True)
class NameRole:
    """The role that a name states, the words that state it, and the name without them."""

    role: Role
    words: str
    stem: str


def find_role(
    key_experts: set[str], metadata: Mapping[str, str], hint: str | PurePath
) -> RoleEvidence:
    """The role of a file. `hint` is its path, relative to the library or just a name."""
    stem, folder = stem_and_folder(hint)
    found = (
        _from_keys(key_experts)
        or _from_timesteps(metadata.get("modelspec.timestep_range", ""))
        or _from_text(metadata.get("ss_sd_model_name", ""), "ss_sd_model_name in the header says")
        or _from_text(stem, "the file name says")
        or _from_text(folder, "the folder name says")
    )
    return found or RoleEvidence("both", "nothing in the file or its name says otherwise")


def stem_and_folder(hint: str | PurePath) -> tuple[str, str]:
    """The stem of a path, and the name of the folder that it lies in ("" if it says none)."""
    folder, _, name = str(hint).replace(os.sep, "/").rpartition("/")
    end = name.rfind(".")
    return name[:end] if end > 0 else name, folder.rpartition("/")[2]


def _from_keys(experts: set[str]) -> RoleEvidence | None:
    if not experts:
        return None
    if len(experts) > 1:
        return RoleEvidence("both", "its keys name both experts")
    role: Role = "high" if "high" in experts else "low"
    return RoleEvidence(role, f"its keys name the {role}-noise expert only")


def _from_timesteps(text: str) -> RoleEvidence | None:
    numbers = [float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)]
    if len(numbers) != 2:
        return None
    start, end = sorted(numbers)
    evidence = f"modelspec.timestep_range in the header is {text.strip()[:40]}"
    if end - start >= 950:
        return RoleEvidence("both", evidence)
    if start >= 500 and end >= 950:
        return RoleEvidence("high", evidence)
    if start <= 50:
        return RoleEvidence("low", evidence)
    return None


def _from_text(text: str, source: str) -> RoleEvidence | None:
    found = name_role(text.replace("\\", "/").rstrip("/").rpartition("/")[2])
    return RoleEvidence(found.role, f"{source} “{found.words}”") if found else None


def name_role(name: str) -> NameRole | None:
    """The role that a name (without extension) states; None if it states none.

    `high_noise` outweighs a bare `HIGH`, which outweighs a closing `-H`. Both words of the
    same weight mean both experts.
    """
    if not _MAY_STATE.search(name):
        return None
    words = list(_WORD.finditer(name))
    spans = _strong(words) or _bare(words) or _letter(name, words)
    if not spans:
        return None
    roles = {role for role, _, _ in spans}
    role: Role = "high" if roles == {"high"} else "low" if roles == {"low"} else "both"
    said = " ".join(name[start:end] for _, start, end in spans)
    return NameRole(role, said, _without(name, [(start, end) for _, start, end in spans]))


Span = tuple[str, int, int]


def _strong(words: list[re.Match[str]]) -> list[Span]:
    found: list[Span] = []
    for index, word in enumerate(words):
        text = word[0].lower()
        if text in ("highnoise", "lownoise"):
            found.append((text.removesuffix("noise"), word.start(), word.end()))
        elif text in ("high", "low") and _text_at(words, index + 1) == "noise":
            found.append((text, word.start(), words[index + 1].end()))
    return found


def _bare(words: list[re.Match[str]]) -> list[Span]:
    return [
        (word[0].lower(), word.start(), word.end())
        for index, word in enumerate(words)
        if word[0].lower() in ("high", "low") and not _means_another_thing(words, index + 1)
    ]


def _means_another_thing(words: list[re.Match[str]], index: int) -> bool:
    text = _text_at(words, index)
    if text in COUNTED_MEANINGS:
        return not _text_at(words, index + 1).isdigit()
    return text in OTHER_MEANINGS


def _letter(name: str, words: list[re.Match[str]]) -> list[Span]:
    """A closing `-H` or `_L`."""
    if len(words) < 2 or words[-1][0] not in ("H", "L") or words[-1].end() != len(name):
        return []
    last = words[-1]
    if name[last.start() - 1] not in "-_. ":
        return []
    return [("high" if last[0] == "H" else "low", last.start(), last.end())]


def _text_at(words: list[re.Match[str]], index: int) -> str:
    return words[index][0].lower() if index < len(words) else ""


def _without(name: str, spans: list[tuple[int, int]]) -> str:
    """The name without the spans, each with one separator beside it."""
    for start, end in reversed(spans):
        left, right = name[:start], name[end:]
        bare_left = left.rstrip("-_. ")
        bare_right = right.lstrip("-_. ")
        joint = (left[len(bare_left) :] or right[: len(right) - len(bare_right)])[:1]
        name = bare_left + (joint if bare_left and bare_right else "") + bare_right
    return name


def has_identity(stem: str) -> bool:
    """False for a name such as `model` that takes its identity from its folder."""
    return bool(stem) and stem.casefold() not in IDENTITY_FREE
