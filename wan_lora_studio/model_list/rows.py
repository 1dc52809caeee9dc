"""Rows: what is known of each model, of its files here and on the hub."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wan_lora_studio.errors import ModelLoadError
from wan_lora_studio.model_list.hub_footprint import hub_footprint
from wan_lora_studio.model_list.machine import Machine
from wan_lora_studio.model_list.verdict import Verdict, verdict
from wan_lora_studio.model_store import Download, ModelDownloads, Removal, row_files, sources
from wan_lora_studio.settings import Settings
from wan_lora_studio.wan.found_models import found_models
from wan_lora_studio.wan.memory import Footprint


@dataclass(frozen=True)
class ModelRow:
    """A row of the model table. Sizes are in bytes: `size` of what is here, `size_whole` of all
    that it needs, `to_fetch` of what is still to arrive; None until the hub was asked.

    `problem` says why it did not tell them. `verdict` is of this machine; `measured` says how long
    a video took on it.

    `repos` are the repositories that it comes from, none where it cannot be downloaded.
    """

    name: str
    title: str
    state: str
    folder: Path
    missing: tuple[str, ...]
    size: int
    repos: tuple[str, ...]
    size_whole: int | None = None
    to_fetch: int | None = None
    download: Download | None = None
    problem: ModelLoadError | None = None
    verdict: Verdict | None = None
    measured: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            **vars(self),
            "folder": str(self.folder),
            "missing": list(self.missing),
            "repos": list(self.repos),
            "download": self.download and self.download.to_dict(),
            "problem": self.problem and self.problem.to_dict(),
            "verdict": self.verdict.words if self.verdict else "",
            "fits": self.verdict and self.verdict.fits,
            "gpu": self.verdict and self.verdict.gpu,
            "memory": self.verdict and self.verdict.memory,
        }


class ModelList:
    """The rows of the settings' model table, and what of other programs is `left_out` of it. Any
    thread may ask."""

    def __init__(
        self,
        settings: Settings,
        downloads: ModelDownloads,
        *,
        machine: Machine | None = None,
        measured: Callable[[str], str] = lambda _: "",
    ) -> None:
        """`machine` None: this one. `measured` says how long a video of a model took here."""
        self._settings = settings
        self._machine = machine
        self._measured = measured
        self._downloads = downloads
        self._sizes: dict[str, int] = {}  # of whole rows, as the hub said
        # The settings' rows are those that were found when they were read, and so is this.
        self.left_out = found_models(settings).left_out
        self._footprints: dict[tuple[str, bool], Footprint] = {}  # of rows, whether here or not

    @property
    def downloads(self) -> ModelDownloads:
        return self._downloads

    @property
    def free(self) -> int | None:
        """Bytes that the disk of the models has free; None where there is none."""
        place = self._settings.models_dir.absolute()
        there = next((each for each in (place, *place.parents) if each.exists()), None)
        return shutil.disk_usage(there).free if there else None

    def rows(self) -> list[ModelRow]:
        """All of them, by what this machine knows."""
        return [self.row(name) for name in self._settings.models]

    def row(self, name: str) -> ModelRow:
        """One of them, by what this machine knows. Raises SettingsError for an unknown one."""
        entry, found = self._settings.model(name), row_files(self._settings, name)
        whole = found.size if found.state == "here" else self._sizes.get(name)
        return ModelRow(
            name,
            entry.title,
            found.state,
            found.folder,
            found.missing,
            found.size,
            tuple(dict.fromkeys(source.repo for source in sources(self._settings, name))),
            whole,
            None if whole is None else max(whole - found.size, 0),
            self._downloads.get(name),
            verdict=self._verdict(name, found.state == "here"),
            measured=self._measured(name),
        )

    def asked(self, name: str) -> ModelRow:
        """One of them with its verdict; the hub is asked for its sizes where it is not here. Raises
        SettingsError for an unknown one."""
        row = self.row(name)
        here = row.state == "here"
        if (name, here) in self._footprints or not (here or row.repos):
            return row
        try:
            self._footprints[name, here] = (
                self._local(name, row.folder) if here else self._remote(name)
            )
        except ModelLoadError as error:
            return replace(self.row(name), problem=error)
        return self.row(name)

    def _local(self, name: str, folder: Path) -> Footprint:
        files = self._settings.weight_files(name)
        return Footprint.of(folder, self._settings.model(name).precision, files)

    def _remote(self, name: str) -> Footprint:
        plan = self._downloads.plan(name)
        self._sizes[name] = plan.size
        return hub_footprint(self._settings, name, plan, self._downloads.hub)

    def _verdict(self, name: str, here: bool) -> Verdict | None:
        footprint = self._footprints.get((name, here))
        if footprint is None:
            return None
        if self._machine is None:
            self._machine = Machine.here(self._settings)
        return verdict(footprint, self._settings, name, self._machine)

    def remove(self, name: str, in_use: Iterable[str] = ()) -> Removal:
        """Raises ModelLoadError where a run uses the row, or nothing of it can be removed."""
        return self._downloads.remove(name, in_use)
