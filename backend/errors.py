"""Every error the studio raises, in one tree.

StudioError
├── SettingsError              a setting is wrong
├── LoRAError                  anything about one LoRA
│   ├── LoRAFileError          the file is broken (header, truncation, NaN)
│   ├── UnsupportedLoRAError   the file is sound, its layout or algebra is not handled
│   ├── IncompatibleLoRAError  the file does not fit this model
│   ├── LoRANotFoundError      no LoRA of that name in the library
│   └── LoRALoadingError       a LoRA could not be applied
├── UploadError                an upload was refused
├── ModelLoadError             a model is missing or cannot be loaded
├── VRAMError                  GPU or host memory is exhausted
├── GenerationError            a task is invalid or its result is unusable
└── CancelledByUser            somebody pressed Cancel

An error says what happened (its message), what kind it is (`category`), what to do next
(`suggestions`, at least one) and the facts a report needs (`context`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class StudioError(Exception):
    """Root of the tree. Subclasses set `category` and `default_suggestions`."""

    category: ClassVar[str] = "internal"
    default_suggestions: ClassVar[tuple[str, ...]] = (
        "Try again; if it happens again, report it with the details shown.",
    )

    def __init__(
        self,
        message: str,
        *,
        suggestions: Sequence[str] = (),
        context: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.suggestions: tuple[str, ...] = tuple(suggestions) or self.default_suggestions
        self.context: dict[str, Any] = dict(context or {})

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form: type, category, message, suggestions, context."""
        return {
            "type": type(self).__name__,
            "category": self.category,
            "message": self.message,
            "suggestions": list(self.suggestions),
            "context": {key: _plain(value) for key, value in self.context.items()},
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, self.suggestions, self.context))


class SettingsError(StudioError):
    category = "settings"
    default_suggestions = ("Correct the named settings in config.json and start again.",)


class LoRAError(StudioError):
    category = "lora"
    default_suggestions = ("Choose another LoRA.",)


class LoRAFileError(LoRAError):
    category = "lora_file"
    default_suggestions = ("Download or export the file again.",)


class UnsupportedLoRAError(LoRAError):
    category = "lora_unsupported"
    default_suggestions = ("Convert the file to a layout listed in the documentation.",)


class IncompatibleLoRAError(LoRAError):
    category = "lora_incompatible"
    default_suggestions = ("Choose a LoRA made for this model, or another model.",)


class LoRANotFoundError(LoRAError):
    category = "lora_not_found"
    default_suggestions = ("Refresh the library and check the name.",)


class LoRALoadingError(LoRAError):
    category = "lora_loading"
    default_suggestions = ("Remove this LoRA from the selection and generate again.",)


class UploadError(StudioError):
    category = "upload"
    default_suggestions = ("Check the file and upload it again.",)


class ModelLoadError(StudioError):
    category = "model"
    default_suggestions = ("Check the model's folder or download it again.",)


class VRAMError(StudioError):
    category = "memory"
    default_suggestions = ("Use fewer frames or a smaller size.",)


class GenerationError(StudioError):
    category = "generation"
    default_suggestions = ("Correct the task and generate again.",)


class CancelledByUser(StudioError):  # noqa: N818 - the contract's name
    category = "cancelled"
    default_suggestions = ("Press Generate to start again.",)


def error_from_dict(data: Mapping[str, Any]) -> StudioError:
    """The error that `to_dict` wrote; an unknown type becomes a StudioError."""
    kind = _types_by_name().get(str(data.get("type")), StudioError)
    return kind(
        str(data.get("message", "")),
        suggestions=[str(s) for s in data.get("suggestions", ())],
        context=data.get("context") or {},
    )


def handle_error_with_recovery(
    recoveries: Mapping[type[StudioError], Callable[..., R]],
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function so that a listed failure is answered by its recovery.

    `recoveries` maps an error class to `recovery(error, *args, **kwargs)`, called with the
    function's own arguments; what it returns is the result. The most specific class wins. An
    error that is not listed goes on unchanged. The recovery runs after the `except` block is
    left and the traceback is dropped, so that frames of the failed call pin no tensors.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except StudioError as error:
                recovery = next(
                    (recoveries[kind] for kind in type(error).__mro__ if kind in recoveries), None
                )
                if recovery is None:
                    raise
                failure = error.with_traceback(None)
            return recovery(failure, *args, **kwargs)

        return call

    return decorate


def _types_by_name() -> dict[str, type[StudioError]]:
    found: dict[str, type[StudioError]] = {}
    pending: list[type[StudioError]] = [StudioError]
    while pending:
        kind = pending.pop()
        found[kind.__name__] = kind
        pending.extend(kind.__subclasses__())
    return found


def _rebuild(
    kind: type[StudioError],
    message: str,
    suggestions: tuple[str, ...],
    context: dict[str, Any],
) -> StudioError:
    return kind(message, suggestions=suggestions, context=context)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return str(value)
