"""Host results: the videos of a host that a LoRA's details show, and take pictures from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse

from lora_ui.http.responses import IMMUTABLE, ErrorRoute
from lora_ui.http.served_files import served
from wan_lora_studio.errors import GenerationError, LoRANotFoundError
from wan_lora_studio.results import ResultLibrary, ResultQuery
from wan_lora_studio.texts import say
from wan_lora_studio.wan.lora_manager import LoRAManager

GiveVideos = Callable[[str], Iterable[str | Path]]
MOST = 200  # videos that are looked at, of those that a function gives
MOST_KNOWN = 10_000


@dataclass(frozen=True)
class Video:
    """One of the host's videos; `has_still` says whether there is a picture of it to show."""

    id: str
    title: str
    seed: int | None
    version: str
    path: Path
    has_still: bool

    def to_dict(self) -> dict[str, Any]:
        base, version = f"api/results/{self.id}", self.version
        poster = f"{base}/poster?v={version}" if self.has_still else None
        video = f"{base}/video?v={version}"
        plain = {"id": self.id, "prompt": self.title, "seed": self.seed}
        return {**plain, "poster_url": poster, "video_url": video}


class Videos(Protocol):
    """Where the host's videos are found."""

    def made_with(self, name: str, hashes: tuple[str, ...], limit: int) -> tuple[list[Video], int]:
        """The first of those that used the LoRA, or of all for "", and how many there are."""
        ...

    def get(self, result_id: str) -> Video: ...

    def poster(self, result: Video) -> Path: ...

    def video(self, result: Video) -> Path: ...


class LibraryVideos:
    """Those of a result library."""

    def __init__(self, results: ResultLibrary) -> None:
        self._results = results

    def made_with(self, name: str, hashes: tuple[str, ...], limit: int) -> tuple[list[Video], int]:
        page = self._results.find(ResultQuery(lora=name, sha256s=hashes), limit=limit)
        return [self._video(result) for result in page.results], page.total

    def get(self, result_id: str) -> Video:
        return self._video(self._results.get(result_id))

    def poster(self, result: Video) -> Path:
        return self._results.poster(self._results.get(result.id))

    def video(self, result: Video) -> Path:
        return result.path

    def _video(self, result: Any) -> Video:
        path = self._results.video(result)
        return Video(result.id, result.prompt, result.seed, str(result.version), path, True)


class GivenVideos:
    """Those that a function of the host gives for a LoRA's name, and all for "": paths of files,
    the newest first."""

    def __init__(self, give: GiveVideos) -> None:
        self._give = give
        self._known: dict[str, Video] = {}

    def made_with(self, name: str, hashes: tuple[str, ...], limit: int) -> tuple[list[Video], int]:
        paths = [Path(path) for path in self._give(name)]
        found = [video for path in paths[:MOST] if (video := _video_at(path)) is not None]
        if len(self._known) > MOST_KNOWN:
            self._known.clear()
        self._known |= {video.id: video for video in found}
        return found[:limit], len(paths)

    def get(self, result_id: str) -> Video:
        if result_id not in self._known:
            self.made_with("", (), 1)
        if result_id not in self._known:
            raise _gone()
        return self._known[result_id]

    def poster(self, result: Video) -> Path:
        """The video itself, whose first frame is taken."""
        return result.path

    def video(self, result: Video) -> Path:
        return result.path


def videos_of(results: ResultLibrary | GiveVideos) -> Videos:
    return LibraryVideos(results) if isinstance(results, ResultLibrary) else GivenVideos(results)


def create_host_results_router(loras: LoRAManager, videos: Videos) -> APIRouter:
    router = APIRouter(route_class=ErrorRoute)

    @router.get("/api/results")
    def find(lora: str = "", limit: Annotated[int, Query(ge=1, le=MOST)] = 48) -> dict[str, Any]:
        found, total = videos.made_with(lora, _hashes(loras, lora), limit)
        return {"results": [video.to_dict() for video in found], "total": total}

    @router.get("/api/results/{result_id}/video", response_class=FileResponse)
    def video(result_id: str) -> Response:
        return _answer(videos.get(result_id).path, "video/")

    @router.get("/api/results/{result_id}/poster", response_class=FileResponse)
    def poster(result_id: str) -> Response:
        return _answer(videos.poster(videos.get(result_id)), "image/")

    return router


def _hashes(loras: LoRAManager, name: str) -> tuple[str, ...]:
    """Of the LoRA's files, as far as they are known: it may have had another name."""
    try:
        known = loras.record(name)["sha256s"] if name else {}
    except LoRANotFoundError:
        return ()
    return tuple(sha256 for sha256 in known.values() if sha256)


def _answer(path: Path, kind: str) -> Response:
    found = served(path, kind, IMMUTABLE)
    if found is None:
        raise _gone()
    return found


def _video_at(path: Path) -> Video | None:
    try:
        found = path.stat()
    except OSError:
        return None
    name = hashlib.sha256(str(path).encode(errors="replace")).hexdigest()[:16]
    return Video(name, path.name, None, f"{found.st_mtime_ns:x}", path, False)


def _gone() -> GenerationError:
    return GenerationError(
        say("lora_ui.http.result_gone"),
        cause=say("lora_ui.http.result_gone_cause"),
        suggestions=[say("lora_ui.http.open_again")],
        context={"status": 404},
    )
