"""Uploading several files or whole folders at once. One that is refused stops no other."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from wan_lora_studio.errors import StudioError, UploadError
from wan_lora_studio.lora.files import FolderNames, open_regular
from wan_lora_studio.lora.library import LoRALibrary
from wan_lora_studio.lora.names import is_lora_file, is_pickle, without_suffix
from wan_lora_studio.lora.storage import StagedSidecar, not_a_lora, stage_stream
from wan_lora_studio.lora.uploads.grouping import Bundle, bundles_of, is_nameless
from wan_lora_studio.lora.uploads.zip_files import Entry
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say

MAX_FILES = 10_000
Data = bytes | BinaryIO | str | Path | Entry


@dataclass
class Together:
    """One upload of many files; `outcomes` tells what became of each, by the name it was sent
    under: `status` is stored, taken_along, duplicate or refused.

    The folders that were sent are kept below the folder `within`, unless that is None; a file in
    none of them whose name says nothing then goes into the folder `called`.
    """

    settings: Settings
    library: LoRALibrary
    sent: Mapping[str, Data]
    within: str | None = None
    called: str = ""
    outcomes: dict[str, dict[str, Any]] = field(default_factory=dict)

    def run(self) -> list[dict[str, Any]]:
        """Take in what can be taken in. The answer has the order in which files were sent."""
        paths = {}
        names, taken = list(self.sent), self.library.folder_names()
        keep, pickles = self.within is not None, self.settings.accept_pickles
        for bundle in bundles_of(names, taken, keep_folders=keep, pickles=pickles):
            path = self._take(bundle)
            if path is not None:
                paths[bundle.lora] = path
        for name in self.sent:
            self.outcomes.setdefault(name, refusal(name, _belongs_nowhere(name)))
        for name, path in paths.items():  # only now, when halves have met
            self.outcomes[name] |= {"name": self.library.name_at(path)}
        return [self.outcomes[name] for name in self.sent]

    def _take(self, bundle: Bundle) -> str | None:
        """Place a LoRA with its sidecars; its path in the library, or None if it is refused."""
        with ExitStack() as stack:
            sidecars = [*self._sidecars(bundle, stack)]
            try:
                with opened(self.sent[bundle.lora]) as (source, size):
                    staged = stage_stream(self.settings, source, bundle.lora, size)
                stack.callback(staged.abort)
                path = self.library.place(staged, sidecars, self._place_of(bundle))
            except (StudioError, OSError) as error:
                self._refuse(bundle, error)
                return None
        stored = {"filename": bundle.lora, "status": "stored", "error": None}
        self.outcomes[bundle.lora] = stored
        return path

    def _place_of(self, bundle: Bundle) -> str:
        if self.within is None:
            return bundle.folder
        needed = self.called if is_nameless(bundle.lora) else ""
        return self.library.folder_like(f"{self.within}/{bundle.folder or needed}")

    def _sidecars(self, bundle: Bundle, stack: ExitStack) -> Iterator[StagedSidecar]:
        for name, ending in bundle.sidecars.items():
            try:
                with opened(self.sent[name]) as (source, _):
                    staged = StagedSidecar(self.settings, name, ending, source)
            except (StudioError, OSError) as error:
                self.outcomes[name] = refusal(name, error)
                continue
            stack.callback(staged.abort)
            self.outcomes[name] = {"filename": name, "status": "taken_along", "error": None}
            yield staged

    def _refuse(self, bundle: Bundle, error: StudioError | OSError) -> None:
        outcome = refusal(bundle.lora, error)
        self.outcomes[bundle.lora] = outcome
        for name in bundle.sidecars:
            why = UploadError(say("lora.uploads.without_lora", file=name))
            self.outcomes[name] = {**refusal(name, why), "status": outcome["status"]}


def refusal(name: str, error: StudioError | OSError) -> dict[str, Any]:
    """The outcome of a file that was not taken."""
    if not isinstance(error, StudioError):
        error = UploadError(
            say("lora.uploads.unreadable", file=name, reason=error.strerror or error)
        )
    duplicate = error.context.get("reason") == "duplicate"
    return {
        "filename": name,
        "status": "duplicate" if duplicate else "refused",
        "name": error.context.get("existing"),
        "error": error.to_dict(),
    }


def _belongs_nowhere(name: str) -> UploadError:
    if is_pickle(name):
        return not_a_lora(name)
    return UploadError(
        say("lora.uploads.belongs_nowhere", file=name),
        suggestions=[say("lora.uploads.kinds")],
    )


@contextmanager
def opened(data: Data) -> Iterator[tuple[BinaryIO, int | None]]:
    """An open binary file with the content, and its size where that is known."""
    if isinstance(data, str | Path):
        with os.fdopen(open_regular(Path(data)), "rb", buffering=0) as file:
            yield file, os.fstat(file.fileno()).st_size
    elif isinstance(data, Entry):
        with data.open() as pair:
            yield pair
    elif isinstance(data, bytes):
        yield io.BytesIO(data), len(data)
    else:
        yield data, None


def with_companions(path: Path) -> dict[str, Data]:
    """A file of this machine and what lies beside it under its name, by their names. Raises
    OSError for a folder that cannot be read."""
    names = FolderNames(file.name for file in path.parent.iterdir())
    stem = without_suffix(path.name)
    beside = [stem + ending for ending in names.endings(stem)] if is_lora_file(path.name) else []
    found: dict[str, Data] = {path.name: path}
    return found | {name: path.parent / name for name in beside if (path.parent / name).is_file()}


def files_below(folder: Path) -> dict[str, Data]:
    """The files of a folder by their paths, its own name first; a linked file as what it leads
    to. Hidden files and linked folders are left out. Raises UploadError if there are too many."""
    found: dict[str, Data] = {}
    for here, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(here) / name
            if not name.startswith(".") and path.is_file():
                found[f"{folder.name}/{path.relative_to(folder).as_posix()}"] = path
        if len(found) > MAX_FILES:
            raise UploadError(
                say("lora.uploads.too_many_files", folder=folder.name, most=MAX_FILES),
                suggestions=[say("lora.uploads.only_loras")],
            )
    return found
