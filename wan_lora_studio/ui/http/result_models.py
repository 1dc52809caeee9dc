"""Result models: what the results' routes answer, as the API's documentation shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from wan_lora_studio.ui.forms import Picture

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wan_lora_studio.results import Discarded, Result, ResultPage

Source = Literal["studio", "wangp", "comfyui", "a1111"]


class ResultItem(BaseModel):
    """A finished video as a list shows it."""

    model_config = ConfigDict(protected_namespaces=())

    id: str = Field(description="The task's id, where no other video has it.")
    prompt: str
    model_type: str = Field(description="Key of the model table, empty if the video names none.")
    created: float = Field(description="Seconds since 1970.")
    seed: int | None
    loras: list[str] = Field(description="Names as they were when the video was made.")
    selected_loras: dict[str, Any] = Field(description="The strength of each of them.")
    poster_url: str = Field(description="Counts from the app's address.")
    video_url: str = Field(description="Counts from the app's address.")
    width: int = Field(description="Pixels; 0 where it is not known.")
    height: int = Field(description="Pixels; 0 where it is not known.")
    frames: int
    fps: int | None
    favourite: bool
    source: Source = Field(description="Whose metadata the video carries.")
    grid: str | None = Field(
        default=None, description="Id of the job whose videos it is one of, in lists and details."
    )

    @classmethod
    def of(cls, result: Result, grid: str | None = None) -> ResultItem:
        base = f"api/results/{result.id}"
        plain = {name: getattr(result, name) for name in cls.model_fields if hasattr(result, name)}
        return cls(
            **plain,
            poster_url=f"{base}/poster?v={result.version}",
            video_url=f"{base}/video?v={result.version}",
            grid=grid,
        )


class ResultList(BaseModel):
    """A page of results, the newest first."""

    results: list[ResultItem]
    next: str | None = Field(description="Cursor of the next page; null on the last one.")
    total: int = Field(description="How many results match in all.")

    @classmethod
    def of(cls, page: ResultPage, grids: Mapping[str, str] | None = None) -> ResultList:
        """`grids` are ids of jobs by those of their videos."""
        known = grids or {}
        found = [ResultItem.of(result, known.get(result.id)) for result in page.results]
        return cls(results=found, next=page.next, total=page.total)


class ResultDetails(ResultItem):
    """A result with everything that its video says of itself."""

    task: dict[str, Any] = Field(description="The task as it was run, with the seed used.")
    result: dict[str, Any] = Field(description="Reports on the LoRAs, timings, versions, warnings.")
    filename: str


class DiscardedResult(BaseModel):
    """A deleted result that can still be brought back."""

    id: str
    prompt: str
    seed: int | None
    loras: list[str]
    deleted: float = Field(description="Seconds since 1970.")
    size: int = Field(description="Bytes of all its files.")
    poster_url: str = Field(description="Counts from the app's address.")

    @classmethod
    def of(cls, entry: Discarded) -> DiscardedResult:
        result = entry.result
        return cls(
            id=result.id,
            prompt=result.prompt,
            seed=result.seed,
            loras=result.loras,
            deleted=entry.deleted,
            size=entry.size,
            poster_url=f"api/results/trash/{result.id}/poster",
        )


class ResultTrash(BaseModel):
    results: list[DiscardedResult] = Field(description="The latest deletion first.")


class Emptied(BaseModel):
    count: int = Field(description="How many results are gone for good.")


class Filters(BaseModel):
    """What the results can be filtered by."""

    models: list[str] = Field(description="The most used first.")
    loras: list[str] = Field(description="The most used first.")
    revision: int = Field(description="Another number whenever the results changed.")


class Favourite(BaseModel):
    favourite: bool


class Done(BaseModel):
    id: str


class OpenedFolder(BaseModel):
    """Whether a window was opened; `path` is for copying where it was not."""

    opened: bool
    path: str


class StoredPicture(Picture):
    """A picture that was sent just now."""

    carries: str = Field(description="What settings the file holds, in words; empty for none.")


class FoundLoRA(BaseModel):
    """A LoRA of the library that stands for one of the video."""

    name: str
    original: str = Field(description="Its name in the video.")
    by: Literal["hash", "name"]
    differs: bool = Field(description="It is another file, or its files are for other experts.")
    strength: Any


class MissingLoRA(BaseModel):
    """A LoRA of the video that the library lacks."""

    name: str
    sha256: dict[str, str] = Field(description="By role, as far as the video says it.")
    hashes: list[str] = Field(description="Beginnings of its hashes, where it says no more.")
    strength: Any


class RestoredSettings(BaseModel):
    """What the generate tab takes over from a video or a picture."""

    source: Source
    what: str = Field(description="What the file holds, in words.")
    fields: dict[str, Any] = Field(description="Fields of a task, without LoRAs and picture.")
    selected_loras: dict[str, Any]
    found: list[FoundLoRA]
    missing: list[MissingLoRA]
    notes: list[str] = Field(
        description="In words, what could not be taken over or makes other frames than then."
    )
    picture: Picture | None = Field(default=None, description="The input picture, if it is here.")
