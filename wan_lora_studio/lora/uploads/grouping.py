"""Several files that are uploaded together: which of them belong to one LoRA, and where to."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from wan_lora_studio.lora.files import FolderNames
from wan_lora_studio.lora.inspection import CONFIG_NAME, has_identity, name_role
from wan_lora_studio.lora.names import (
    as_converted,
    composed,
    free_name,
    is_lora_file,
    is_pickle,
    name_key,
    safe_name,
    without_suffix,
)


@dataclass(frozen=True)
class Bundle:
    """A LoRA file with its sidecars, by the names under which they were sent.

    `sidecars` maps a name to what follows the stem, or to the whole name of the configuration.
    `folder` is where in the library they go.
    """

    lora: str
    folder: str = ""
    sidecars: dict[str, str] = field(default_factory=dict)


def bundles_of(
    names: Sequence[str],
    taken_folders: Collection[str],
    *,
    keep_folders: bool = False,
    pickles: bool = False,
) -> list[Bundle]:
    """A bundle for each LoRA file among `names`, which are paths as a browser sends them.

    A folder that was sent is kept where its files need it: `model.safetensors` takes its name
    from its folder, and an `adapter_config.json` is for the one LoRA beside it. Everything else
    goes into the top folder. `taken_folders` are casefolded names that a new folder cannot have.
    With `keep_folders` every file stays in the folder that was sent, as it was sent. With
    `pickles` those are LoRAs, too, unless one of the same name is sent that need not be converted.
    """
    by_folder: dict[str, dict[str, str]] = {}
    for name in names:
        path = PurePosixPath(name.replace("\\", "/"))
        by_folder.setdefault(composed(str(path.parent)), {})[composed(path.name)] = name
    for files in by_folder.values() if pickles else ():
        for name in [name for name in files if is_pickle(name) and as_converted(name) not in files]:
            files[as_converted(name)] = files.pop(name)
    taken = set(taken_folders)
    found: list[Bundle] = []
    for sent, files in by_folder.items():
        loras = [name for name in files if is_lora_file(name)]
        kept = "" if sent == "." else sent
        folder = kept if keep_folders else _folder(sent, loras, files, taken)
        taken.add(name_key(folder))
        own = _own(files, loras)
        if (folder or keep_folders) and len(loras) == 1 and CONFIG_NAME in files:
            own[loras[0]][files[CONFIG_NAME]] = CONFIG_NAME
        found += [Bundle(files[name], folder, own[name]) for name in loras]
    return found


def _own(files: Mapping[str, str], loras: Sequence[str]) -> dict[str, dict[str, str]]:
    """What goes beside each LoRA. `style.png` goes with the first half of the pair `style`."""
    here = FolderNames(files)
    stems = {name: without_suffix(name) for name in loras}
    found = {
        name: {files[stem + ending]: ending for ending in here.endings(stem)}
        for name, stem in stems.items()
    }
    owned = {sent for own in found.values() for sent in own}
    for name, stem in stems.items():
        half = name_role(stem)
        common = half.stem if half and half.role in ("high", "low") else ""
        for ending in here.endings(common) if common else ():
            sent = files[common + ending]
            if sent not in owned and common not in stems.values():
                owned.add(sent)
                found[name][sent] = ending
    return found


def _folder(sent: str, loras: Sequence[str], files: Collection[str], taken: set[str]) -> str:
    last = PurePosixPath(sent).name
    configured = CONFIG_NAME in files and len(loras) == 1
    if not last or not (configured or any(is_nameless(name) for name in loras)):
        return ""
    return free_name(safe_name(last), taken)


def folder_for(sent: str) -> str:
    """The folder that a LoRA file, sent alone under this path, needs for its name; "" for none."""
    path = PurePosixPath(sent.replace("\\", "/"))
    if not path.parent.name or not is_nameless(path.name):
        return ""
    return safe_name(path.parent.name)


def is_nameless(name: str) -> bool:
    """Whether a LoRA file's own name says nothing of what it is, as `model.safetensors`."""
    stem = without_suffix(name)
    found = name_role(stem)
    return not has_identity(found.stem if found else stem)
