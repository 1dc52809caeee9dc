"""Models of requests and answers of the library's routes, as the API's documentation shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from wan_lora_studio.texts import say

MOST_NAMES = 10_000


class Named(BaseModel):
    """One LoRA by `name`, or several by `names`."""

    name: str | None = Field(default=None, description="A LoRA's name.")
    names: list[str] | None = Field(
        default=None, max_length=MOST_NAMES, description="Several names; each is done by itself."
    )

    @model_validator(mode="after")
    def _one_or_several(self) -> Named:
        if (self.name is None) == (self.names is None):
            raise ValueError(say("lora_ui.http.name_or_names"))
        return self

    @property
    def all(self) -> list[str]:
        """Whichever way they were given."""
        return [self.name or ""] if self.names is None else self.names


class Renamed(BaseModel):
    name: str = Field(description="The LoRA's name now.")
    new_name: str = Field(description="The name that it shall have, without an ending.")


class Moved(Named):
    folder: str = Field(description="A folder of the library, with forward slashes; empty: top.")


class Undone(Named):
    id: str | None = Field(
        default=None, description="Which deletion of each name, as the trash or a deletion says."
    )


class Folder(BaseModel):
    folder: str = Field(description="Its path in the library, with forward slashes.")


class FolderList(BaseModel):
    folders: list[str] = Field(description="All folders of the library, the empty ones too.")


class Pair(BaseModel):
    high: str = Field(description="The LoRA that becomes the high-noise half.")
    low: str = Field(description="The LoRA that becomes the low-noise half.")


class Single(BaseModel):
    name: str = Field(description="A LoRA's name.")


class Changes(BaseModel):
    """What a user says about a LoRA. null takes an edit back; what is left out stays."""

    model_config = ConfigDict(extra="allow")  # the library names every field that there is not

    title: Any = Field(default=None, description="Text.")
    description: Any = Field(default=None, description="Text.")
    tags: Any = Field(default=None, description="A list of words, or text with commas.")
    trigger_words: Any = Field(default=None, description="A list of words, or text with commas.")
    author: Any = Field(default=None, description="Text.")
    base_model: Any = Field(default=None, description="Text.")
    notes: Any = Field(default=None, description="Text.")
    preferred_strengths: Any = Field(
        default=None, description="A number, or one for each expert: high and low."
    )
    strength_range: Any = Field(
        default=None, description="The ends of the strength slider: [lowest, highest]."
    )
    expert: Any = Field(default=None, description="both, high or low; not for a pair.")
    favourite: Any = Field(default=None, description="true or false.")

    def given(self) -> dict[str, Any]:
        return self.model_dump(exclude_unset=True)


class Edited(Named):
    changes: Changes


class ErrorInWords(BaseModel):
    """Why something was not done, and what can be done about it."""

    category: str
    message: str
    suggestions: list[str]
    context: dict[str, Any] = Field(default_factory=dict)


class Outcome(BaseModel):
    """What became of one of the LoRAs."""

    name: str = Field(description="The name that was given.")
    ok: bool
    error: ErrorInWords | None = None
    record: dict[str, Any] | None = Field(default=None, description="The LoRA as it is now.")


class Done(BaseModel):
    """`ok` says whether all of it was done."""

    ok: bool
    results: list[Outcome] = Field(default_factory=list, description="In the order given.")


class Deleted(Done):
    undo: str | None = Field(
        default=None, description="The id that brings back all of it at once, as `id` of an undo."
    )


class OneDone(BaseModel):
    ok: bool
    record: dict[str, Any] | None = Field(default=None, description="The LoRA as it is now.")


class Halves(BaseModel):
    ok: bool
    names: list[str] = Field(description="The two LoRAs, the one for high noise first.")


class Trashed(BaseModel):
    """A deletion that can be undone."""

    id: str
    name: str
    files: list[str] = Field(description="Where they were in the library.")
    deleted: str = Field(description="ISO 8601, UTC.")
    size_mb: float


class TrashList(BaseModel):
    trash: list[Trashed] = Field(description="The newest first.")


class Emptied(BaseModel):
    ok: bool
    count: int = Field(description="How many LoRAs are gone for good.")


class Found(BaseModel):
    """One page of a search."""

    total: int
    names: list[str]
    loras: list[dict[str, Any]] = Field(description="The records, in the order of the names.")

    @classmethod
    def of(cls, page: Mapping[str, Any]) -> Found:
        """From what `find_loras` gives."""
        return cls(total=page["total"], names=page["names"], loras=list(page["loras"].values()))


class Duplicates(BaseModel):
    duplicates: list[list[str]] = Field(description="Names of LoRAs that hold the same file.")


class Progress(BaseModel):
    """What goes on in the background."""

    stage: Literal["looking", "reading", "texts", "pictures", "hashing"]
    done: int
    total: int


class Refresh(BaseModel):
    ok: bool = True
    progress: Progress | None = Field(description="null when all is done.")
    revision: int
