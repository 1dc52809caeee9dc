"""Query for results: what a person asks for, as one page of rows after another."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass

from wan_lora_studio.errors import GenerationError
from wan_lora_studio.sqlite_file import CountedFile
from wan_lora_studio.texts import say

CURSOR = re.compile(r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?)_(\d{1,18})")
MAX_LIMIT = 200
MAX_WORDS = 12


@dataclass(frozen=True)
class ResultQuery:
    """What is looked for. Every word of `text` has to be in the prompt, a LoRA's name, the
    model's or the seed. `lora` is a name; with the hashes of its files (`sha256s`) it is found
    under the names that it had before as well. `since` and `until` are in seconds since 1970.
    `ids` are those of results or of their tasks; none for all."""

    text: str = ""
    lora: str = ""
    model: str = ""
    favourite: bool | None = None
    since: float | None = None
    until: float | None = None
    sha256s: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()

    def conditions(self) -> tuple[list[str], list[object]]:
        found: list[tuple[str, tuple[object, ...]]] = [
            ("instr(search, ?) > 0", (word,)) for word in self.text.casefold().split()[:MAX_WORDS]
        ]
        if self.lora:
            found.append(self._uses())
        if self.model:
            found.append(("model_type = ?", (self.model,)))
        if self.favourite is not None:
            found.append(("favourite = ?", (int(self.favourite),)))
        if self.since is not None:
            found.append(("created >= ?", (self.since,)))
        if self.until is not None:
            found.append(("created < ?", (self.until,)))
        if self.ids:
            marks = ", ".join("?" * len(self.ids))
            found.append((f"(id IN ({marks}) OR task_id IN ({marks}))", self.ids * 2))
        texts = ["deleted IS NULL", *(text for text, _ in found)]
        return texts, [value for _, values in found for value in values]

    def _uses(self) -> tuple[str, tuple[object, ...]]:
        marks = ", ".join("?" * len(self.sha256s))
        text = (
            "seq IN (SELECT seq FROM used_loras WHERE name = ?"
            f" UNION SELECT seq FROM used_files WHERE sha256 IN ({marks}))"
        )
        return text, (self.lora, *self.sha256s)


@dataclass(frozen=True)
class RowPage:
    """The rows of one page, the cursor of the next one if there is one, and how many match."""

    rows: list[sqlite3.Row]
    next: str | None
    total: int


def find_rows(database: CountedFile, query: ResultQuery, cursor: str, limit: int) -> RowPage:
    """The newest first. A page begins after its cursor's row, so that what is added meanwhile
    moves nothing. Raises GenerationError for a cursor that is none."""
    conditions, values = query.conditions()
    where = " AND ".join(conditions)
    total = database.rows(f"SELECT COUNT(*) AS count FROM results WHERE {where}", *values)[0]
    if cursor:
        created, seq = _position(cursor)
        where += " AND (created, seq) < (?, ?)"
        values += [created, seq]
    limit = max(1, min(limit, MAX_LIMIT))
    rows = database.rows(
        f"SELECT * FROM results WHERE {where} ORDER BY created DESC, seq DESC LIMIT ?",
        *values,
        limit + 1,
    )
    more = len(rows) > limit
    last = rows[limit - 1] if more else None
    following = f"{last['created']!r}_{last['seq']}" if last else None
    return RowPage(rows[:limit], following, int(total["count"]))


def _position(cursor: str) -> tuple[float, int]:
    found = CURSOR.fullmatch(cursor)
    if found is None:
        raise GenerationError(
            say("results.no_page"),
            suggestions=[say("results.reload_newest")],
        )
    return float(found[1]), int(found[2])
