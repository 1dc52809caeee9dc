"""Finding LoRAs by words."""

from __future__ import annotations

from collections.abc import Sequence


def search(index: Sequence[tuple[str, str]], text: str) -> list[str]:
    """The names whose words hold every word of `text`, those that begin with it first.

    `index` has (casefolded words, name), in the order of the result.
    """
    found = list(index)
    for word in text.casefold().split():
        found = [item for item in found if word in item[0]]
    start = text.casefold().strip()
    begin = [name for _, name in found if name.casefold().startswith(start)]
    if not begin:
        return [name for _, name in found]
    first_names = set(begin)
    return begin + [name for _, name in found if name not in first_names]
