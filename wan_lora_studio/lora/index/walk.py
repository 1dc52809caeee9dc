"""Which files lie in the library's folders, with the stamps by which a change is noticed.

Hidden entries are skipped, and names that are no text, which neither the catalogue nor a page
can hold. Links are read through: a linked file has its target's stamp, and a
linked folder is looked through like any other, but each real folder only once, by its own path
rather than by a link. The library's own folder and the extra folders may be links themselves.
Paths are relative to the library; those in extra folders are absolute, so that `library / path`
is the file in both cases.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

from wan_lora_studio.lora.files import FolderNames, broken_link
from wan_lora_studio.lora.names import is_lora_file, is_pickle, is_utf8
from wan_lora_studio.settings import Settings
from wan_lora_studio.texts import say

# Windows has links to folders that are no symbolic links.
HAS_JUNCTIONS = hasattr(os.stat_result, "st_reparse_tag")
JUNCTION = 0xA0000003  # IO_REPARSE_TAG_MOUNT_POINT
INODE_BITS = 2**63 - 1  # what the catalogue can hold
MAX_LINKED_FOLDERS = 10_000  # behind one link; such a link leads to more than a library
# A hub cache keeps each repository as `snapshots/<revision>/` with links into `blobs/`.
HUB_REPOSITORIES = ("models--", "datasets--", "spaces--")
HUB_SNAPSHOTS = "snapshots"
LINK_ADVICE = say("lora.index.walk.point_elsewhere")
NO_TEXT = say("lora.index.walk.not_utf8")
NAME_ADVICE = say("lora.index.walk.rename")


class Stamp(NamedTuple):
    """By these a file is taken to be unchanged. Size in bytes; inode 0 where there is none."""

    size: int
    mtime_ns: int
    inode: int = 0


class Unfollowed(NamedTuple):
    """A link or a name that shows nothing. `why` is the end of a sentence that begins with its
    path; `advice` is what can be done."""

    path: str
    why: str
    advice: str = LINK_ADVICE


Snapshot = dict[str, Stamp]
Folders = Mapping[str, FolderNames]
Identity = tuple[int, int]  # device, inode


@dataclass(frozen=True)
class Walk:
    """What was seen. `offline` are beginnings of paths that cannot be looked at for now;
    `folders` are those of the library itself, the empty ones too. `linked` are beginnings of
    paths behind a linked folder, and `links` the paths of linked files.
    `pickles` are files that may be LoRAs in a form that is never read."""

    snapshot: Snapshot
    offline: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    linked: tuple[str, ...] = ()
    links: frozenset[str] = frozenset()
    unfollowed: tuple[Unfollowed, ...] = ()
    pickles: tuple[str, ...] = ()


def take_walk(root: Path, extra: Sequence[Path] = ()) -> Walk:
    """Every visible file below the folders. Raises OSError if `root` cannot be read."""
    os.scandir(root).close()
    walker = _Walker(frozenset(filter(None, map(_identity, (root, *extra)))))
    walker.walk(str(root), "", own=True)
    for folder in extra:
        try:
            os.scandir(folder).close()
        except OSError:
            walker.offline.append(extra_prefix(folder))
        else:
            walker.walk(str(folder), extra_prefix(folder), own=False)
    walker.follow()
    return walker.result()


def relist(
    walk: Walk, root: Path, folders: Mapping[str, Iterable[str]], changed: Iterable[str]
) -> tuple[Walk, Snapshot] | None:
    """The walk after files of some folders have changed, and the files that are in these now.

    `folders` has the names that lay in each before. All of them are listed; of files that were
    there, only the `changed` ones are looked at. None if more than files has changed, so that
    everything has to be walked through. Raises OSError.
    """
    part: Snapshot = {}
    before: Snapshot = {}
    changed, links = set(changed), set(walk.links)
    unfollowed, pickles = set(walk.unfollowed), set(walk.pickles)
    for folder, names in folders.items():
        is_known = bool(names) if Path(folder).is_absolute() else folder in ("", *walk.folders)
        if not is_known:
            return None
        prefix = f"{folder}/" if folder else ""
        here = {path: walk.snapshot[path] for path in (f"{prefix}{name}" for name in names)}
        known = {path: stamp for path, stamp in here.items() if path not in changed}
        found = _list_again(walk, known, root, folder)
        if found is None:
            return None
        before |= here
        part |= found.found
        links = {link for link in links if parent_of(link) != folder} | found.links
        unfollowed = {
            each for each in unfollowed if parent_of(each.path) != folder or each.why != NO_TEXT
        } | set(found.unfollowed)
        pickles = {each for each in pickles if parent_of(each) != folder} | set(found.pickles)
    snapshot = walk.snapshot
    if part != before:  # a copy of all takes time in a large library
        snapshot = {**snapshot, **part}
        for path in before.keys() - part.keys():
            del snapshot[path]
    renewed = replace(
        walk,
        snapshot=snapshot,
        links=frozenset(links),
        unfollowed=tuple(sorted(unfollowed)),
        pickles=tuple(sorted(pickles)),
    )
    return renewed, part


def _list_again(walk: Walk, known_files: Snapshot, root: Path, folder: str) -> _Walker | None:
    """One folder of the library as it is now; None if another folder or link is in it, or one
    is not there any more."""
    prefix = f"{folder}/" if folder else ""
    if any(prefix.startswith(away) for away in walk.offline) or _is_elsewhere(root, folder):
        return None
    walker = _Walker(frozenset(), known=known_files)
    below = {place.prefix[:-1] for place in walker.look(_Place(str(root / folder), prefix))}
    known = {other for other in walk.folders if parent_of(other) == folder}
    followed = {link[:-1] for link in walk.linked if parent_of(link[:-1]) == folder}
    refused = {each.path for each in walk.unfollowed if parent_of(each.path) == folder}
    links = {place.prefix[:-1] for place in walker.waiting}
    if walker.offline or below != known or not followed <= links <= followed | refused:
        return None
    return walker


def _is_elsewhere(root: Path, folder: str) -> bool:
    """Whether a folder of the library is gone or has become a link."""
    path = root / folder
    steps = [path, *path.parents]
    own = steps[: steps.index(root)] if root in steps else steps[:1]
    return not path.is_dir() or any(step.is_symlink() for step in own)


def parent_of(path: str) -> str:
    """The folder in which a file or a folder lies; "" is the top."""
    return path.rpartition("/")[0]


def extra_prefix(folder: Path) -> str:
    """How the paths of files in an extra folder begin."""
    return f"{folder.as_posix()}/"


def extra_folders(settings: Settings, *, writable: bool | None = None) -> tuple[Path, ...]:
    """The extra folders that are looked through in their own right, each once; or only those
    that are `writable`, or not."""
    taken = [settings.loras_dir.resolve()]
    found = []
    for extra in settings.lora_folders:
        folder, place = extra.path, extra.path.resolve()
        if not any(place.is_relative_to(other) for other in taken):
            taken.append(place)
            if writable in (None, extra.writable):
                found.append(folder)
    return tuple(found)


class _Place(NamedTuple):
    """A folder to be looked through: where it is, and how the paths of its files begin."""

    folder: str
    prefix: str


@dataclass
class _Walker:
    """One look: first everything that is really there, then what links lead to."""

    tops: frozenset[Identity]  # the library's folder and the extra ones
    found: Snapshot = field(default_factory=dict)
    offline: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    linked: list[str] = field(default_factory=list)
    links: set[str] = field(default_factory=set)
    unfollowed: list[Unfollowed] = field(default_factory=list)
    pickles: list[str] = field(default_factory=list)
    known: Mapping[str, Stamp] = field(default_factory=dict)  # files that are not looked at again
    _real: list[_Place] = field(default_factory=list)
    waiting: deque[_Place] = field(default_factory=deque)

    def result(self) -> Walk:
        return Walk(
            self.found,
            tuple(self.offline),
            tuple(self.folders),
            tuple(self.linked),
            frozenset(self.links),
            tuple(sorted(self.unfollowed)),
            tuple(sorted(self.pickles)),
        )

    def walk(self, folder: str, prefix: str, *, own: bool) -> None:
        """Look through a folder; links to folders are left for `follow`."""
        waiting = [_Place(folder, prefix)]
        while waiting:
            place = waiting.pop()
            self._real.append(place)
            below = list(self.look(place))
            if own:
                self.folders += [other.prefix[:-1] for other in below]
            else:  # the library, or another extra folder, may lie within this one
                below = [other for other in below if _identity(other.folder) not in self.tops]
            waiting += reversed(below)

    def follow(self) -> None:
        """Look through what the links lead to, each real folder once."""
        if not self.waiting:
            return
        seen: dict[Identity, str] = {}
        for place in self._real:
            with_identity = _identity(place.folder)
            if with_identity is not None:
                seen.setdefault(with_identity, place.prefix)
        while self.waiting:
            link = self.waiting.popleft()
            why = self._not_followed(link, seen)
            if why:
                self.unfollowed.append(Unfollowed(link.prefix[:-1], why))
                continue
            self.linked.append(link.prefix)
            self._walk_link(link, seen)

    def _walk_link(self, link: _Place, seen: dict[Identity, str]) -> None:
        waiting, count = [link], 0
        while waiting:
            place = waiting.pop()
            identity = _identity(place.folder)
            if identity is None or identity in seen:
                continue
            count += 1
            if count > MAX_LINKED_FOLDERS:
                why = say("lora.index.walk.too_many", most=MAX_LINKED_FOLDERS)
                self.unfollowed.append(Unfollowed(link.prefix[:-1], why))
                return
            seen[identity] = place.prefix
            waiting += reversed(list(self.look(place)))

    def _not_followed(self, link: _Place, seen: Mapping[Identity, str]) -> str | None:
        """Why a link to a folder is not gone through; None if it is."""
        identity = _identity(link.folder)
        if identity is None:
            return say("lora.index.walk.unreadable")
        above = Path(link.folder).parent.resolve()
        if identity in map(_identity, (above, *above.parents)):
            return say("lora.index.walk.back")
        if identity in seen:
            listed = seen[identity][:-1]
            if not listed:
                return say("lora.index.walk.listed_at_top")
            return say("lora.index.walk.listed_in", folder=repr(listed))
        return None

    def look(self, place: _Place) -> Iterator[_Place]:
        """Note the files of one folder; the folders in it."""
        folder, prefix = place
        try:
            with os.scandir(folder) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return  # it went away since it was listed
        except OSError:
            self.offline.append(prefix)
            return
        in_hub = Path(folder).name.startswith(HUB_REPOSITORIES)
        for entry in listed:
            name = entry.name
            if name.startswith("."):
                continue
            if not is_utf8(name):
                self._tell_name(entry, prefix)
                continue
            if _is_link(entry):
                self._take_link(entry, f"{prefix}{name}")
            elif entry.is_dir(follow_symlinks=False):
                if not (in_hub and name != HUB_SNAPSHOTS):
                    yield _Place(entry.path, f"{prefix}{name}/")
            else:
                try:
                    self._take(f"{prefix}{name}", entry, follow=False)
                except FileNotFoundError:
                    continue
                except OSError:  # a folder may be listed and its files out of reach
                    self.offline.append(f"{prefix}{name}")

    def _take(self, path: str, entry: os.DirEntry[str], *, follow: bool) -> None:
        stamp = self.known.get(path)
        self.found[path] = stamp or _stamp(_facts(entry, follow=follow))
        if is_pickle(path):
            self.pickles.append(path)

    def _tell_name(self, entry: os.DirEntry[str], prefix: str) -> None:
        """What lies beside a LoRA under such a name belongs to none, so nothing is said of it."""
        if is_lora_file(entry.name) or entry.is_dir():
            shown = os.fsencode(entry.name).decode(errors="replace")
            self.unfollowed.append(Unfollowed(f"{prefix}{shown}", NO_TEXT, NAME_ADVICE))

    def _take_link(self, entry: os.DirEntry[str], path: str) -> None:
        try:
            if entry.is_dir():
                self.waiting.append(_Place(entry.path, f"{path}/"))
                return
            self._take(path, entry, follow=True)
            self.links.add(path)
        except OSError as error:
            try:
                self.found[path] = _stamp(_facts(entry, follow=False))
            except OSError:
                return  # the link went away
            # Where it led to a folder, what was known there waits until it is back.
            self.offline.append(f"{path}/")
            self.linked.append(f"{path}/")
            self.links.add(path)
            self.unfollowed.append(Unfollowed(path, broken_link(Path(entry.path), error)))


def _is_link(entry: os.DirEntry[str]) -> bool:
    """Whether an entry leads elsewhere; Windows has junctions besides links."""
    if entry.is_symlink():
        return True
    if not HAS_JUNCTIONS:
        return False
    found: Any = entry.stat(follow_symlinks=False)  # for nothing on Windows
    return bool(found.st_reparse_tag == JUNCTION)


def _facts(entry: os.DirEntry[str], *, follow: bool = True) -> os.stat_result:
    """What the system knows of a file. On Windows a listing leaves the inode's number out."""
    found = entry.stat(follow_symlinks=follow)
    return found if found.st_ino else Path(entry.path).stat(follow_symlinks=follow)


def _stamp(stat: os.stat_result) -> Stamp:
    return Stamp(stat.st_size, stat.st_mtime_ns, stat.st_ino & INODE_BITS)


def _identity(folder: str | Path) -> Identity | None:
    try:
        found = Path(folder).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def by_folder(paths: Iterable[str], before: Folders | None = None) -> Folders:
    """The names of the files in each folder; the top folder is "". What was found of folders
    `before` is kept for those that have the same names still."""
    found: dict[str, set[str]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        found.setdefault(folder, set()).add(name)
    known = before or {}
    return {folder: FolderNames.of(names, known.get(folder)) for folder, names in found.items()}
