"""The text files beside the LoRAs: read when they are new or changed, then kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from wan_lora_studio.lora.files import SidecarReading, is_read_sidecar, read_sidecars
from wan_lora_studio.lora.index.entry_files import Stem
from wan_lora_studio.lora.index.walk import Snapshot
from wan_lora_studio.lora.storage import ScanCache

NOTHING = SidecarReading()


@dataclass
class Texts:
    """The readings of all stems that have text files, by stem."""

    root: Path
    findings: ScanCache
    _known: dict[str, tuple[str, SidecarReading]] = field(default_factory=dict)
    _unsaved: set[str] = field(default_factory=set)

    def load(self) -> None:
        """Take over what the catalogue keeps."""
        for stem, (stamp, text) in self.findings.texts().items():
            try:
                self._known[stem] = stamp, SidecarReading.from_json(text)
            except (ValueError, TypeError):
                continue  # of another version: it is read again

    def read(self, stems: Iterable[Stem], snapshot: Snapshot) -> SidecarReading:
        """What is said beside these stems together; what the last one says wins."""
        found = NOTHING
        for stem in stems:
            reading = self._read(stem, snapshot)
            if found is NOTHING or reading is NOTHING:
                found = reading if found is NOTHING else found
            else:
                found = reading.before(found)
        return found

    def _read(self, stem: Stem, snapshot: Snapshot) -> SidecarReading:
        suffixes = [suffix for suffix in stem.suffixes if is_read_sidecar(suffix)]
        if not suffixes:
            return NOTHING
        path = f"{stem.folder}/{stem.stem}" if stem.folder else stem.stem
        stamps = (tuple(snapshot[f"{path}{suffix}"]) for suffix in suffixes)
        stamp = repr(list(zip(suffixes, stamps, strict=True)))
        known = self._known.get(path)
        if known and known[0] == stamp:
            return known[1]
        reading = read_sidecars(self.root / stem.folder / stem.stem, suffixes)
        self._known[path] = stamp, reading
        self._unsaved.add(path)
        return reading

    def save(self) -> None:
        """Give the catalogue what was read since."""
        if self._unsaved:
            readings = {stem: self._known[stem] for stem in self._unsaved}
            self.findings.save_texts(
                {stem: (stamp, reading.to_json()) for stem, (stamp, reading) in readings.items()}
            )
            self._unsaved.clear()
