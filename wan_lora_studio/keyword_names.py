"""Keyword names: a LoRA's name may be given as `name` or `lora_name`, several likewise.

The client's documents call it `lora_name` and `lora_names`, the library itself `name` and `names`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

ALIKE = {"name": "lora_name", "names": "lora_names", "lora_name": "name", "lora_names": "names"}
T = TypeVar("T")


def either_name(cls: type[T]) -> type[T]:
    """Let every public method of the class, inherited ones too, take both keywords.

    A call that gives both, or none where one is needed, raises TypeError.
    """
    for attribute in dir(cls):
        method = inspect.getattr_static(cls, attribute)
        if not attribute.startswith("_") and inspect.isfunction(method):
            parameters = inspect.signature(method).parameters
            ours = next((each for each in parameters if each in ALIKE), None)
            if ours is not None and ALIKE[ours] not in parameters:
                setattr(cls, attribute, _either(method, ours))
    return cls


def _either(method: Callable[..., Any], ours: str) -> Callable[..., Any]:
    theirs = ALIKE[ours]
    parameters = inspect.signature(method).parameters
    place = list(parameters).index(ours)
    needed = parameters[ours].default is inspect.Parameter.empty

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = (len(args) > place) + (ours in kwargs) + (theirs in kwargs)
        if given > 1 and theirs in kwargs:
            raise TypeError(f"{method.__name__}() takes {ours} or {theirs}, not both")
        if given == 0 and needed:
            raise TypeError(f"{method.__name__}() needs {ours} (or {theirs})")
        if theirs in kwargs:
            kwargs[ours] = kwargs.pop(theirs)
        return method(*args, **kwargs)

    return call
