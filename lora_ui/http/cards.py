"""Card routes: what the grid's cards and the details panel ask for. Names only, never paths."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from lora_ui.http.card_fields import Cards
from lora_ui.http.feed import Feed
from lora_ui.http.responses import IMMUTABLE
from lora_ui.http.served_files import served
from wan_lora_studio.errors import LoRANotFoundError, StudioError
from wan_lora_studio.results import facts_in
from wan_lora_studio.texts import say
from wan_lora_studio.wan.lora_manager import LoRAManager


def add_card_routes(router: APIRouter, loras: LoRAManager) -> None:
    feed = Feed(loras, Cards(loras).text)

    @router.get("/api/loras/cards", response_description="The library, each verdict said once")
    def cards(request: Request) -> Response:
        """Every card of the grid, with the verdicts for each model as indexes into a table."""
        return feed.answer(request)

    @router.get("/api/loras/video", response_description="The preview video beside the LoRA")
    def video(name: str) -> Response:
        """The video that plays while the pointer is on the card; 404 where there is none."""
        path = loras.preview_video(name)
        # The address carries the picture's version, so it never changes under it.
        answer = None if path is None else served(path, "video/", IMMUTABLE)
        if answer is None:
            raise LoRANotFoundError(say("lora_ui.http.no_video", name=name))
        return answer

    @router.get("/api/loras/example", response_description="How that video was made")
    def example(name: str) -> dict[str, Any]:
        """`prompt`, `seed` and `strength` of the preview video, as far as it carries them."""
        path = loras.preview_video(name)
        try:
            facts = None if path is None else facts_in(path)
        except StudioError:
            facts = None  # another program's video, without settings
        if facts is None:
            return {"prompt": "", "seed": None, "strength": None}
        used = {lora.name: lora.strength for lora in facts.loras}
        strength = next(iter(used.values())) if len(used) == 1 else used.get(name)
        task = facts.task
        return {"prompt": task.get("prompt", ""), "seed": task.get("seed"), "strength": strength}

    @router.get("/api/loras/blocks", response_description="Coverage by expert and block")
    def blocks(name: str, model: str) -> dict[str, Any]:
        """What of each block the LoRA changes, and what it costs on that model."""
        found = loras.block_coverage(name, model)
        return {
            "blocks": {
                expert: [block.to_plain() for block in row] for expert, row in found.items()
            },
            "estimate": loras.estimate_memory_impact([name], model_type=model),
        }
