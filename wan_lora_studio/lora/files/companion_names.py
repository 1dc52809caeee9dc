"""Companion names: how a file beside a LoRA is called, and to which LoRA it belongs.

What follows the stem is compared in any case: `.PNG`, `.Preview.png`. Some tools add to the whole
name, so that `style.safetensors.png` belongs to `style.safetensors` as well.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from functools import cached_property

from wan_lora_studio.lora.names import SUFFIXES, composed, is_lora_file, without_suffix

PICTURE_ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif")
VIDEO_ENDINGS = (".mp4", ".webm")
TEXTS = (
    ".json",
    ".txt",
    ".civitai.info",
    ".cm-info.json",
    ".swarm.json",
    ".metadata.json",
    ".rgthree-info.json",
    ".description.txt",
    ".sha256",
)
SHOWING_TEXT = ".swarm.json"  # SwarmUI keeps the picture in it
MARKS = (".preview", ".thumb", "")
_SHOWING = tuple(f"{mark}{end}" for mark in MARKS for end in PICTURE_ENDINGS + VIDEO_ENDINGS)
ENDINGS = frozenset(f"{whole}{end}" for whole in ("", *SUFFIXES) for end in (*TEXTS, *_SHOWING))
_LONGEST = max(map(len, ENDINGS))
_BEST_FIRST = {
    ending: place
    for place, ending in enumerate(
        [
            f"{mark}{end}"
            for ends in (PICTURE_ENDINGS, VIDEO_ENDINGS)
            for mark in MARKS
            for end in ends
        ]
        + [SHOWING_TEXT]
    )
}


class FolderNames(Set[str]):
    """The names of the files in one folder; knows which of them belong to which stem."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)

    @classmethod
    def of(cls, names: Iterable[str], before: FolderNames | None) -> FolderNames:
        """The names; those from before with all that is known of them if they are the same."""
        found = cls(names)
        return before if before is not None and before._names == found._names else found

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def endings(self, stem: str) -> list[str]:
        """The endings, as they are written, with which `stem` has files here, in order.

        `a.preview.png` belongs to `a.preview.safetensors` rather than to `a` if both are there.
        """
        return self._endings.get(stem, [])

    def stems_like(self, stem: str) -> list[str]:
        """The stem, and those with files here that are it in another form of Unicode and have no
        LoRA of their own."""
        key = composed(stem)
        others = self._other_forms.get(key, ()) if not stem.isascii() else ()
        loras = self._loras
        return [stem, *(other for other in others if other != stem and other not in loras)]

    @cached_property
    def _other_forms(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for stem in self._endings:
            if not stem.isascii():
                found.setdefault(composed(stem), []).append(stem)
        return found

    @cached_property
    def _loras(self) -> frozenset[str]:
        return frozenset(without_suffix(name) for name in self if is_lora_file(name))

    @cached_property
    def _endings(self) -> Mapping[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name in sorted(self):
            for ending in _endings_of(name):
                stem = name[: -len(ending)]
                found.setdefault(stem, []).append(ending)
                if stem in self._loras:
                    break
        return found


def _endings_of(name: str) -> list[str]:
    """What may follow the stem in this name, the shortest, and so the longest stem, first."""
    found = []
    end = len(name)
    least = max(1, end - _LONGEST)
    while (end := name.rfind(".", least, end)) > 0:
        ending = name[end:]
        if ending in ENDINGS or ending.casefold() in ENDINGS:
            found.append(ending)
    return found


def ending_of(filename: str) -> str | None:
    """What follows the stem in a sidecar's name, whatever the stem; None if it is no sidecar."""
    return max(_endings_of(filename), key=len, default=None)


def companion_kind(ending: str) -> str:
    """The ending in lower case and without `.safetensors`: what it says of the content."""
    folded = ending.casefold()
    whole = next((end for end in SUFFIXES if folded.startswith(f"{end}.")), "")
    return folded.removeprefix(whole)


def preview_endings(endings: Collection[str]) -> list[str]:
    """The endings of pictures among these, then those of videos and of what holds a picture, the
    best first."""
    showing = [ending for ending in endings if companion_kind(ending) in _BEST_FIRST]
    return sorted(showing, key=lambda ending: (_BEST_FIRST[companion_kind(ending)], ending))
