"""Endpoints for the Gradio client: how one is added, and how its refusals reach the client."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, ParamSpec, TypeVar

import gradio as gr
from gradio.events import api
from pydantic import ValidationError

from wan_lora_studio.errors import StudioError

P = ParamSpec("P")
R = TypeVar("R")


def add_endpoint(endpoint: Callable[..., Any], name: str = "") -> None:
    """Add a function, whose docstring and annotations describe it, to the page being built."""
    api(endpoint, api_name=name or endpoint.__name__, concurrency_limit=None)


def told(function: Callable[P, R]) -> Callable[P, R]:
    """A function whose refusal reaches the client in words."""

    @functools.wraps(function)
    def endpoint(*arguments: P.args, **options: P.kwargs) -> R:
        with _in_words():
            return function(*arguments, **options)

    return endpoint


def told_later(function: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """The same for an async function."""

    @functools.wraps(function)
    async def endpoint(*arguments: P.args, **options: P.kwargs) -> R:
        with _in_words():
            return await function(*arguments, **options)

    return endpoint


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except StudioError as error:
        words = " ".join([error.message, *error.suggestions])
    except ValidationError as error:
        words = "; ".join(f"{item['loc']}: {item['msg']}" for item in error.errors())
    else:
        return
    raise gr.Error(words, print_exception=False)
