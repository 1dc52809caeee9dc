"""Results as rows of the index, and as the values that are given out."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wan_lora_studio.results.database import FAVOURITE_KEY
from wan_lora_studio.results.facts import VideoFacts
from wan_lora_studio.results.folder import FoundVideo

WELL_FORMED = re.compile(r"[A-Za-z0-9_-]{1,64}")
INSERT = """
INSERT INTO results (id, task_id, path, size, mtime_ns, created, source, prompt, model_type, seed,
    fps, frames, width, height, loras, search, picture, deleted)
VALUES (:id, :task_id, :path, :size, :mtime_ns, :created, :source, :prompt, :model_type, :seed,
    :fps, :frames, :width, :height, :loras, :search, :picture, :deleted)
"""


@dataclass(frozen=True)
class Result:
    """One finished video. `path` counts from the outputs folder; `created` in seconds since 1970.

    `selected_loras` is `{name: strength}` as it was asked for; sizes are in pixels.
    """

    id: str
    path: str
    prompt: str
    model_type: str
    created: float
    seed: int | None
    fps: int | None
    frames: int
    width: int
    height: int
    selected_loras: dict[str, Any]
    favourite: bool
    source: str
    version: str

    @property
    def loras(self) -> list[str]:
        return list(self.selected_loras)


def result_of(row: sqlite3.Row) -> Result:
    return Result(
        id=row["id"],
        path=row["path"],
        prompt=row["prompt"],
        model_type=row["model_type"],
        created=row["created"],
        seed=row["seed"],
        fps=row["fps"],
        frames=row["frames"],
        width=row["width"],
        height=row["height"],
        selected_loras=json.loads(row["loras"]),
        favourite=bool(row["favourite"]),
        source=row["source"],
        version=f"{row['mtime_ns']:x}{row['size']:x}",
    )


def add_row(
    connection: sqlite3.Connection,
    facts: VideoFacts,
    row: Mapping[str, Any],
    *,
    result_id: str | None = None,
    deleted: float | None = None,
) -> None:
    """Put a video into the index, under its task's id if that is free, or under `result_id`.

    `row` is what `row_values` says of it.
    """
    values = {**row, "deleted": deleted}
    if result_id is not None:
        values["id"] = result_id
    while is_taken(connection, values["id"]):
        values["id"] = hashlib.sha256(f"{values['id']}/{values['path']}".encode()).hexdigest()[:32]
    cursor = connection.execute(INSERT, values)
    connection.execute(
        f"UPDATE results SET favourite = {FAVOURITE_KEY} IN (SELECT key FROM favourites)"
        " WHERE seq = ?",
        (cursor.lastrowid,),
    )
    connection.executemany(
        "INSERT OR IGNORE INTO used_loras (seq, name) VALUES (?, ?)",
        [(cursor.lastrowid, lora.name) for lora in facts.loras],
    )
    connection.executemany(
        "INSERT OR IGNORE INTO used_files (seq, sha256) VALUES (?, ?)",
        [(cursor.lastrowid, sha256) for lora in facts.loras for sha256 in lora.sha256.values()],
    )


def mark_favourite(connection: sqlite3.Connection, result_id: str, favourite: bool) -> None:
    """Mark a result, and the copies of it that there are."""
    key = f"(SELECT {FAVOURITE_KEY} FROM results WHERE id = ?)"
    if favourite:
        connection.execute(f"INSERT OR IGNORE INTO favourites VALUES ({key})", (result_id,))
    else:
        connection.execute(f"DELETE FROM favourites WHERE key = {key}", (result_id,))
    connection.execute(
        f"UPDATE results SET favourite = ? WHERE {FAVOURITE_KEY} = {key}",
        (int(favourite), result_id),
    )


def is_taken(connection: sqlite3.Connection, result_id: str) -> bool:
    """Also by one in the trash."""
    query = "SELECT 1 FROM results WHERE id = ?"
    return connection.execute(query, (result_id,)).fetchone() is not None


def row_values(video: FoundVideo, facts: VideoFacts) -> dict[str, Any]:
    task = facts.task
    frames, height, width = facts.size
    task_id = str(task.get("id", ""))
    name = hashlib.sha256(video.path.encode()).hexdigest()[:32]
    texts = [task.get("prompt", ""), task.get("model_type", ""), str(task.get("seed", ""))]
    texts += [lora.name for lora in facts.loras]
    return {
        "id": task_id if WELL_FORMED.fullmatch(task_id) else name,
        "task_id": task_id,
        "path": video.path,
        "size": video.size,
        "mtime_ns": video.mtime_ns,
        "created": facts.created or video.mtime_ns / 1e9,
        "source": facts.source,
        "prompt": task.get("prompt", ""),
        "model_type": task.get("model_type", ""),
        "seed": task.get("seed"),
        "fps": task.get("fps"),
        "frames": frames,
        "width": width,
        "height": height,
        "loras": json.dumps({lora.name: lora.strength for lora in facts.loras}),
        "search": "\n".join(texts).casefold(),
        "picture": facts.picture,
    }
