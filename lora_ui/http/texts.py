"""The route of the server's sentences in another language, for a page that speaks it."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from wan_lora_studio.errors import RequestError
from wan_lora_studio.texts import TRANSLATIONS, say, translated


class Translation(BaseModel):
    texts: list[tuple[str, str]] = Field(
        description="English and the same in that language, with {places} for what is put in."
    )


def add_text_routes(router: APIRouter) -> None:
    @router.get("/api/texts/{language}", summary="What the server says, in another language")
    def texts(language: str) -> Translation:
        """Errors and notes are always English; a page that knows them puts them into its own
        language with these."""
        if language not in TRANSLATIONS:
            raise RequestError(
                say("lora_ui.http.texts.unknown", language=repr(language[:20])),
                suggestions=[say("lora_ui.http.texts.known", languages=", ".join(TRANSLATIONS))],
                context={"status": 404},
            )
        return Translation(texts=translated(language))
