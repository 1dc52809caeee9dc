"""The routes of the stack: read it, change it, and read a strength that was typed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from wan_lora_studio.lora.selection import parse_multipliers, tags_with, unsupported_in
from wan_lora_studio.session import LoRAUIState, RunSettings, Sessions, StackChange
from wan_lora_studio.settings import Settings
from wan_lora_studio.wan.lora_manager import LoRAManager
from wan_lora_studio.wan.steps import split_steps

MOST_PROMPT = 100_000
COOKIE_SECONDS = 30 * 24 * 3600


@dataclass(frozen=True)
class SessionCookie:
    """How the browser keeps which session is its own. `path` None: below the routes themselves."""

    name: str = "lora_session"
    path: str | None = "/"


USUAL_COOKIE = SessionCookie()


class Context(BaseModel):
    """The form of the tab that asks; it decides the warnings and is nobody else's."""

    model: str | None = Field(default=None, description="The model that is chosen in this tab.")
    run: dict[str, Any] = Field(
        default_factory=dict,
        description="steps, flow_shift, guidance_scale and guidance_scale_2 as the form has them.",
    )


class SelectionChange(Context):
    """The fields that a tab changed. Whoever writes a field last is right; others stay."""

    session: str | None = Field(
        default=None,
        max_length=100,
        description="`session` of the last answer, for a page whose browser keeps no cookie of"
        " ours, as in a frame of another site.",
    )

    loras: dict[str, dict[str, Any] | None] = Field(
        default_factory=dict,
        description="By name: strength, on, words, split; `add` for a LoRA that is not there; null"
        " takes it out.",
        examples=[{"style": {"add": True, "strength": 0.8}, "old": None}],
    )
    order: list[str] | None = Field(default=None, description="Names in their new order.")
    accelerated: dict[str, Any] | None = Field(
        default=None, description="What an accelerator replaced; null once it is put back."
    )
    selected_loras: dict[str, Any] | None = Field(
        default=None, description="A whole selection, {name: strength}, in place of the old one."
    )


class TypedStrength(Context):
    text: str = Field(max_length=2000, description="For example 0.8, 1;0.5 or 1,0.5,0.2;0.3.")


class Prompts(BaseModel):
    prompt: str = Field(default="", max_length=MOST_PROMPT)
    negative_prompt: str = Field(default="", max_length=MOST_PROMPT)


class ReadPrompts(Prompts):
    """The prompts without the LoRAs of the library that they named, and what there is to say."""

    selected_loras: dict[str, Any] = Field(description="Those LoRAs, {name: strength}.")
    tags: list[str] = Field(description="What was taken out.")
    unread: list[str] = Field(
        description="In words: LoRAs that are still in the prompts, as they cannot be read or are"
        " not in the library. With them a video is refused."
    )
    warnings: list[str] = Field(
        description="In words: other notation, which goes to the model as written."
    )


class AcceleratorMark(BaseModel):
    name: str
    accelerator: bool = Field(description="Whether it is one.")


def add_selection_routes(
    router: APIRouter, loras: LoRAManager, sessions: Sessions, cookie: SessionCookie
) -> None:
    def answer(key: str, state: LoRAUIState) -> JSONResponse:
        told = {**state.page_state(), "session": key}
        response = JSONResponse(told, headers={"Cache-Control": "no-store"})
        response.set_cookie(
            cookie.name, key, COOKIE_SECONDS, path=cookie.path, httponly=True, samesite="strict"
        )
        return response

    def look(state: LoRAUIState, context: Context) -> None:
        if context.model in loras.settings.models:
            state.model_type = context.model
        if context.run:
            state.run = RunSettings.from_plain(context.run)

    @router.get("/api/selection", summary="The stack of this browser session")
    def read(request: Request) -> JSONResponse:
        return answer(*sessions.open(request.cookies.get(cookie.name)))

    # PUT and PATCH are one: a whole selection is one of the things that a change may hold.
    @router.put("/api/selection", summary="Take a whole selection")
    @router.patch("/api/selection", summary="Merge what a tab changed")
    def change(request: Request, body: Annotated[SelectionChange, Body()]) -> JSONResponse:
        key, state = sessions.open(request.cookies.get(cookie.name) or body.session)
        before = state.version, state.model_type
        look(state, body)
        if body.selected_loras is not None:
            state.replace_selection(body.selected_loras)
        order = None if body.order is None else tuple(body.order)
        state.change(StackChange(body.loras, order))
        if "accelerated" in body.model_fields_set:
            state.set_accelerated(body.accelerated)
        if (state.version, state.model_type) != before:
            sessions.keep(key)
        return answer(key, state)

    @router.post("/api/selection/strength", summary="Read a strength in WanGP's notation")
    def typed(body: Annotated[TypedStrength, Body()]) -> dict[str, Any]:
        """`;` separates high and low noise, `,` values that share the steps of their phase."""
        return {
            "strength": parse_multipliers(body.text, 1, handover=_handover(loras.settings, body))[0]
        }

    @router.post("/api/selection/prompt", summary="Read the LoRAs that prompts name")
    def prompt(body: Annotated[Prompts, Body()]) -> ReadPrompts:
        """`<lora:NAME:STRENGTH>` or `<lora:NAME:HIGH:LOW>`. Changes nothing: jobs read the same
        by themselves."""
        first = loras.loras_in_prompt(body.prompt)
        second = loras.loras_in_prompt(body.negative_prompt)
        unknown = dict.fromkeys([*first.unknown, *second.unknown])
        selected = {**first.selected, **second.selected}
        return ReadPrompts(
            prompt=first.text_with_unknown,
            negative_prompt=second.text_with_unknown,
            selected_loras={name: selected[name] for name in selected if name not in unknown},
            tags=[*first.tags, *second.tags],
            unread=[
                *first.problems,
                *second.problems,
                *(
                    " ".join([problem.message, *problem.suggestions])
                    for problem in loras.usability_problems(list(unknown))
                ),
            ],
            warnings=list(unsupported_in(body.prompt, body.negative_prompt)),
        )

    @router.post("/api/loras/accelerator", summary="Say that a LoRA is an accelerator, or is not")
    def mark(body: Annotated[AcceleratorMark, Body()]) -> dict[str, Any]:
        tags = loras.record(body.name)["metadata"]["tags"]
        changed = {"tags": tags_with(tags, accelerator=body.accelerator)}
        return {"record": loras.edit_lora_metadata(body.name, changed)}


def _handover(settings: Settings, context: Context) -> float | None:
    """The share of the steps after which the low-noise expert takes over."""
    named = context.model if context.model in settings.models else settings.default_model
    row = settings.model(str(named))
    if row.boundary_ratio is None:
        return None
    run = RunSettings.from_plain(context.run)
    steps, shift = run.steps or row.steps, run.flow_shift or row.flow_shift
    return split_steps(steps, shift, row.boundary_ratio).handover
