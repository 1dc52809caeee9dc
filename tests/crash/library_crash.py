"""Kills the library at random moments and at every step, and looks for losses.

    python -m tests.crash.library_crash --kills 1000

Each round forks a process that does operations and says so before and after each. It is killed
with SIGKILL, the library is opened again, and what is there must be what the model says: every
acknowledged operation, and the one that was cut off either completely or not at all. Then every
write, fsync, link, rename and catalogue statement of every operation is, in turn, the point of
a kill and of an error. A part of the LoRAs lies in a writable extra folder, on another disk if
there is one. Prints one JSON object; the exit status is 1 if anything was lost.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from tests.crash.library_faults import KillPoint, points
from tests.crash.library_model import Operation, World, perform
from tests.crash.library_observed import difference, litter, observed
from tests.crash.library_operations import FOLDERS, NAMES, PREPARED, SCRIPT, chosen, halfway
from tests.support.loras.files import tiny_model
from wan_lora_studio.errors import StudioError
from wan_lora_studio.lora.library.library import LoRALibrary
from wan_lora_studio.settings import Settings, load_settings

DONE, FAILED, CRASHED = 0, 3, 9


class Run:
    """One library in one folder, with what has been found wrong."""

    def __init__(self, folder: Path, extra: Path) -> None:
        tiny_model(folder / "models")
        self.settings = settings_for(folder, folder / "loras", extra)
        self.extra = extra
        self.problems: list[str] = []

    def check(self, seen: Any, worlds: list[World], what: str) -> World:
        """What was `seen` must be one of the worlds. Returns which."""
        if seen is None:
            self.problems.append(f"{what}: the library cannot be opened")
            return worlds[0]
        found, left = seen
        self.problems += [f"{what}: left over: {item}" for item in left]
        for world in worlds:
            if json.loads(json.dumps(world.plain())) == found:
                return world
        self.problems.append(f"{what}: {[difference(w.plain(), found) for w in worlds]}")
        return worlds[0]

    def random_kills(self, count: int, random_: random.Random) -> int:
        """Returns how many acknowledged operations came before the kills."""
        world, acknowledged = World(), 0
        make_folders(self.settings.loras_dir)
        for number in range(count):
            world = with_pairs(self.settings, world, number)
            done, pending = self._until_killed(world, random_)
            for operation in done:
                world = world.after(operation)
            acknowledged += len(done)
            worlds = [world, world.after(pending), *halfway(world, pending)] if pending else [world]
            seen = in_child(lambda: opened_again(self.settings))[1]
            world = self.check(seen, worlds, f"kill {number} in {pending}")
        return acknowledged

    def _until_killed(
        self, world: World, random_: random.Random
    ) -> tuple[list[Operation], Operation | None]:
        seed, after = random_.randrange(2**32), random_.uniform(0, 0.2)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            try:
                work(self.settings, world, random.Random(seed), writer)
            finally:
                traceback.print_exc()
                os._exit(CRASHED)
        os.close(writer)
        with os.fdopen(reader, "rb") as pipe:
            if random_.random() < 0.8:  # else also while the library is being opened
                pipe.readline()
            time.sleep(after)
            os.kill(child, signal.SIGKILL)
            lines = [json.loads(line) for line in pipe.read().splitlines() if line.startswith(b"{")]
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status != -signal.SIGKILL:
            self.problems.append(f"an operation failed: {lines[-1:]}")
        done = [tuple(line["done"]) for line in lines if "done" in line]
        begun = [tuple(line["begin"]) for line in lines if "begin" in line]
        return done, begun[-1] if len(begun) > len(done) else None

    def every_point(self, folder: Path, apart: int) -> dict[str, int]:
        """A kill and an error at each point of each operation, or at points that are so many
        `apart`. Returns how many points each has."""
        settings = settings_for(folder, folder / "base", self.extra)
        emptied(self.extra)
        world = prepared(settings)
        shutil.copytree(self.extra, folder / "base outside")
        counts: dict[str, int] = {}
        for place, operation in enumerate(SCRIPT):
            for kind in ("kill", "error"):
                point, done = KillPoint(kind, place % min(apart, 3)), 0
                while self._at_point(settings, world, operation, point):
                    point, done = KillPoint(kind, point.number + apart), done + 1
                key = f"{operation[0]} ({kind})"
                counts[key] = counts.get(key, 0) + done
        return counts

    def _at_point(
        self, base: Settings, world: World, operation: Operation, point: KillPoint
    ) -> bool:
        """False when the operation has no such point any more."""
        what = f"{operation[0]}, {point.kind} at {point.number}"
        copy = base.loras_dir.with_name("copy")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(base.loras_dir, copy)
        emptied(self.extra)
        shutil.copytree(copy.with_name("base outside"), self.extra, dirs_exist_ok=True)
        settings = base.model_copy(update={"loras_dir": copy})

        def act() -> Any:
            return [one_fault(settings, operation, point), opened_again(settings)]

        status, answer = in_child(act)
        code, seen = answer or (status, None)
        if code == -signal.SIGKILL:
            seen = in_child(lambda: opened_again(settings))[1]
        after = world.after(operation)
        part = halfway(world, operation)
        allowed = {-signal.SIGKILL: [world, after, *part], FAILED: [world, *part]}
        self.check(seen, allowed.get(code, [after]), f"{what}, exit {code}")
        return bool(code != DONE)


def settings_for(folder: Path, loras: Path, extra: Path) -> Settings:
    return load_settings(
        loras_dir=loras,
        models_dir=folder / "models",
        thumbnail_size=32,
        extra_lora_dirs=[{"path": str(extra), "writable": True}],
    )


def make_folders(root: Path) -> None:
    for folder in FOLDERS:
        (root / folder).mkdir(parents=True, exist_ok=True)


def emptied(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


def with_pairs(settings: Settings, world: World, number: int) -> World:
    """The world with a pair in it, brought in now if there is none; that is not killed, because
    a pair arrives in two uploads."""
    pairs = [name for name, item in world.items.items() if len(item.halves) > 1]
    free = [name for name in NAMES if name not in world.items]
    if pairs or not free:
        return world
    operation: Operation = ("pair", free[0], str(10**9 + number))
    if in_child(lambda: perform(LoRALibrary(settings), operation))[0] != DONE:
        raise RuntimeError("a pair could not be brought in")
    return world.after(operation)


def prepared(settings: Settings) -> World:
    """A library with something in every state."""
    make_folders(settings.loras_dir)
    world = World()

    def build() -> Any:
        library = LoRALibrary(settings)
        for operation in PREPARED:
            perform(library, operation)

    if in_child(build)[0] != DONE:
        raise RuntimeError("the library could not be prepared")
    for operation in PREPARED:
        world = world.after(operation)
    return world


def work(settings: Settings, world: World, random_: random.Random, pipe: int) -> None:
    """Do operations until killed, each announced and acknowledged."""
    library = LoRALibrary(settings)
    os.write(pipe, b"ready\n")
    while True:
        operation = chosen(world, random_)
        os.write(pipe, json.dumps({"begin": operation}).encode() + b"\n")
        perform(library, operation)
        os.write(pipe, json.dumps({"done": operation}).encode() + b"\n")
        world = world.after(operation)


def one_fault(settings: Settings, operation: Operation, point: KillPoint) -> int:
    """DONE if the point was not reached, DONE + 1 if the operation succeeded nevertheless."""
    try:
        with points(point):
            library = LoRALibrary(settings)
            library.refresh()
            point.is_armed = True
            perform(library, operation)
    except (StudioError, OSError):
        return FAILED
    return DONE + 1 if point.reached else DONE


def opened_again(settings: Settings) -> Any:
    """What the library holds, and what lies about, after the start of another app."""
    LoRALibrary(settings)
    places = settings.loras_dir, settings.extra_lora_dirs[0].path
    return observed(*places), litter(*places)


def in_child(function: Callable[[], Any]) -> tuple[int, Any]:
    """The exit status and the answer, None if it did not come to it, of a forked process.

    So this process never has a database open when it forks.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with os.fdopen(writer, "w", encoding="utf-8") as pipe:
                json.dump(function(), pipe)
            os._exit(DONE)
        finally:
            traceback.print_exc()
            os._exit(CRASHED)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8") as pipe:
        text = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status, json.loads(text) if status == DONE else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--apart", type=int, default=1, help="take each so-many-th point only")
    wanted = parser.parse_args()
    started = time.monotonic()
    Image.init()  # once here, rather than in every child
    memory = Path("/dev/shm")  # a kill spares what is in the page cache, so any disk will do
    where = memory if memory.is_dir() else None
    with (
        tempfile.TemporaryDirectory(prefix="library-crash-", dir=where) as folder,
        tempfile.TemporaryDirectory(prefix="library-crash-") as other,
    ):
        run = Run(Path(folder), Path(other) / "extra")
        emptied(run.extra)
        across = Path(folder).stat().st_dev != run.extra.stat().st_dev
        acknowledged = run.random_kills(wanted.kills, random.Random(wanted.seed))
        counts = run.every_point(Path(folder), wanted.apart)
    result = {
        "kills": wanted.kills,
        "acknowledged": acknowledged,
        "extra folder on another disk": across,
        "points": counts,
        "seconds": round(time.monotonic() - started, 1),
        "problems": run.problems,
    }
    print(json.dumps(result, indent=1))
    return 1 if run.problems else 0


if __name__ == "__main__":
    sys.exit(main())
