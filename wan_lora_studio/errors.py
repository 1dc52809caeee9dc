"""Errors: every one that the studio raises, in one tree.

StudioError
├── SettingsError              a setting is wrong
├── StorageError               a file of the app's own cannot be read or written
├── LoRAError                  anything about one LoRA
│   ├── LoRAFileError          the file is broken (header, truncation, NaN)
│   ├── UnsupportedLoRAError   the file is sound, its layout or algebra is not handled
│   ├── IncompatibleLoRAError  the file does not fit this model
│   ├── LoRANotFoundError      no LoRA of that name in the library
│   └── LoRALoadingError       a LoRA could not be applied
├── UploadError                an upload was refused
├── RequestError               a request over HTTP is not one that is answered
├── ModelLoadError             a model is missing or cannot be loaded
├── InUseError                 somebody else uses the model
├── VRAMError                  GPU or host memory is exhausted
├── GenerationError            a task is invalid or its result is unusable
└── CancelledByUser            somebody pressed Cancel

An error says what happened (its message), why in plain words (`cause`), what to do next
(`suggestions`, at least one), what kind it is (`category`) and the facts that a report needs
(`context`). docs/errors.md tells each class to the user.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, ParamSpec, TypeVar, overload

from wan_lora_studio.texts import say

logger = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


class StudioError(Exception):
    """Root of the tree. Subclasses set `category`, `default_cause` and `default_suggestions`."""

    category: ClassVar[str] = "internal"
    default_cause: ClassVar[str] = say("errors.unexpected")
    default_suggestions: ClassVar[tuple[str, ...]] = (say("errors.report_it"),)

    def __init__(
        self,
        message: str,
        *,
        cause: str = "",
        suggestions: Sequence[str] = (),
        context: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.cause = cause or self.default_cause
        self.suggestions: tuple[str, ...] = tuple(suggestions) or self.default_suggestions
        self.context: dict[str, Any] = dict(context or {})
        self._told_chain: tuple[str, ...] = ()

    @property
    def chain(self) -> tuple[str, ...]:
        """What led to this error, the nearest first: each as "Type: its message"."""
        told = tuple(f"{type(link).__name__}: {link}" for link in links(self))
        return told or self._told_chain

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready form: type, category, message, cause, suggestions, context, chain."""
        return {
            "type": type(self).__name__,
            "category": self.category,
            "message": self.message,
            "cause": self.cause,
            "suggestions": list(self.suggestions),
            "context": {key: _plain(value) for key, value in self.context.items()},
            "chain": list(self.chain),
        }

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.to_dict(), self.context))


class SettingsError(StudioError):
    category = "settings"
    default_cause = say("errors.settings.cause")
    default_suggestions = (say("errors.settings.suggestion"),)


class StorageError(StudioError):
    category = "storage"
    default_cause = say("errors.storage.cause")
    default_suggestions = (say("errors.storage.suggestion"),)


class LoRAError(StudioError):
    category = "lora"
    default_cause = say("errors.lora.cause")
    default_suggestions = (say("errors.lora.suggestion"),)


class LoRAFileError(LoRAError):
    category = "lora_file"
    default_cause = say("errors.lora_file.cause")
    default_suggestions = (say("errors.lora_file.suggestion"),)


class UnsupportedLoRAError(LoRAError):
    category = "lora_unsupported"
    default_cause = say("errors.lora_unsupported.cause")
    default_suggestions = (say("errors.lora_unsupported.suggestion"),)


class IncompatibleLoRAError(LoRAError):
    category = "lora_incompatible"
    default_cause = say("errors.lora_incompatible.cause")
    default_suggestions = (say("errors.lora_incompatible.suggestion"),)


class LoRANotFoundError(LoRAError):
    category = "lora_not_found"
    default_cause = say("errors.lora_not_found.cause")
    default_suggestions = (say("errors.lora_not_found.suggestion"),)


class LoRALoadingError(LoRAError):
    category = "lora_loading"
    default_cause = say("errors.lora_loading.cause")
    default_suggestions = (say("errors.lora_loading.suggestion"),)


class UploadError(StudioError):
    category = "upload"
    default_cause = say("errors.upload.cause")
    default_suggestions = (say("errors.upload.suggestion"),)


class RequestError(StudioError):
    category = "request"
    default_cause = say("errors.request.cause")
    default_suggestions = (say("errors.request.suggestion"),)


class ModelLoadError(StudioError):
    category = "model"
    default_cause = say("errors.model.cause")
    default_suggestions = (say("errors.model.suggestion"),)


class InUseError(StudioError):
    category = "in_use"
    default_cause = say("errors.in_use.cause")
    default_suggestions = (say("errors.in_use.suggestion"),)


class VRAMError(StudioError):
    category = "memory"
    default_cause = say("errors.memory.cause")
    default_suggestions = (say("errors.memory.suggestion"),)


class GenerationError(StudioError):
    category = "generation"
    default_cause = say("errors.generation.cause")
    default_suggestions = (say("errors.generation.suggestion"),)


class CancelledByUser(StudioError):  # noqa: N818 - the contract's name
    category = "cancelled"
    default_cause = say("errors.cancelled.cause")
    default_suggestions = (say("errors.cancelled.suggestion"),)


MOST_PROBLEMS = 20
LONGEST_PROBLEM = 300  # characters


def together(problems: Sequence[str], between: str = "; ") -> str:
    """Several problems as one clause, at a length that can be read whatever they are about."""
    told = [_cut(problem) for problem in problems[:MOST_PROBLEMS]]
    rest = len(problems) - len(told)
    return between.join([*told, say("errors.more", count=rest)] if rest else told)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_PROBLEM else f"{text[: LONGEST_PROBLEM - 3]}..."


def error_from_dict(data: Mapping[str, Any]) -> StudioError:
    """The error that `to_dict` wrote; an unknown type becomes a StudioError."""
    return _told(_types_by_name().get(str(data.get("type")), StudioError), data)


Recoveries = Mapping[type[StudioError], Callable[..., Any]]


@overload
def handle_error_with_recovery(
    recoveries: Recoveries | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]: ...


@overload
def handle_error_with_recovery(recoveries: Callable[P, R]) -> Callable[P, R]: ...


def handle_error_with_recovery(recoveries: Any = None) -> Any:
    """Decorate a function so that a listed failure is answered by its recovery.

    `recoveries` maps an error class to `recovery(error, *args, **kwargs)`, called with the
    function's own arguments; what it returns is the result. The most specific class wins. An
    error that is not listed goes on unchanged. The recovery runs after the `except` block is
    left and every traceback of the error's chain is dropped, so that frames of the failed call
    pin no tensors.

    Without recoveries, as `@handle_error_with_recovery`, a failure that is no StudioError is
    raised as one, with suggestions, and the original chained. `async` functions and generators
    may be decorated too.
    """
    if recoveries is None:
        return _in_words
    if isinstance(recoveries, Mapping):
        return functools.partial(_recovering, recoveries)
    if callable(recoveries) and not isinstance(recoveries, type):
        return _in_words(recoveries)
    raise TypeError(
        "handle_error_with_recovery decorates a function, or takes a mapping of error classes to"
        f" recoveries, not {recoveries!r}."
    )


def _recovering(recoveries: Recoveries, function: Callable[P, R]) -> Callable[P, R]:
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
            failure = released(error)
        answer: R = recovery(failure, *args, **kwargs)
        return answer

    return call


def _in_words(function: Callable[..., Any]) -> Callable[..., Any]:
    """The boundary that was asked for: whatever the function raises becomes a StudioError."""

    async def wait(*args: Any, **kwargs: Any) -> Any:
        with _boundary(function):
            return await function(*args, **kwargs)

    async def wait_for_each(*args: Any, **kwargs: Any) -> Any:
        with _boundary(function):
            async for item in function(*args, **kwargs):
                yield item

    def each(*args: Any, **kwargs: Any) -> Any:
        with _boundary(function):
            return (yield from function(*args, **kwargs))

    def call(*args: Any, **kwargs: Any) -> Any:
        with _boundary(function):
            return function(*args, **kwargs)

    if inspect.iscoroutinefunction(function):
        return functools.wraps(function)(wait)
    if inspect.isasyncgenfunction(function):
        return functools.wraps(function)(wait_for_each)
    return functools.wraps(function)(each if inspect.isgeneratorfunction(function) else call)


@contextmanager
def _boundary(function: Callable[..., Any]) -> Iterator[None]:
    try:
        yield
    except StudioError:
        raise
    except Exception as error:
        raise _unforeseen(function, error) from error


def _unforeseen(function: Callable[..., Any], error: Exception) -> StudioError:
    name = getattr(function, "__name__", "The function")
    logger.warning("%s failed", name, exc_info=error)
    kind = VRAMError if isinstance(error, MemoryError) else StudioError
    return kind(
        say("errors.function_failed", name=name, problem=str(error) or type(error).__name__),
        context={"function": name, "type": type(error).__name__},
    )


E = TypeVar("E", bound=BaseException)


def released(error: E) -> E:
    """The error without the frames that it and its chain keep alive. The chain stays."""
    for link in links(error):
        link.__traceback__ = None
    return error.with_traceback(None)


def links(error: BaseException) -> Iterator[BaseException]:
    """What led to the error, the nearest first."""
    seen = {id(error)}
    link = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _types_by_name() -> dict[str, type[StudioError]]:
    found: dict[str, type[StudioError]] = {}
    pending: list[type[StudioError]] = [StudioError]
    while pending:
        kind = pending.pop()
        found[kind.__name__] = kind
        pending.extend(kind.__subclasses__())
    return found


def _rebuild(kind: type[StudioError], told: dict[str, Any], context: dict[str, Any]) -> StudioError:
    error = _told(kind, told)
    error.context = context
    return error


def _told(kind: type[StudioError], told: Mapping[str, Any]) -> StudioError:
    error = kind(
        str(told.get("message", "")),
        cause=str(told.get("cause") or ""),
        suggestions=[str(text) for text in told.get("suggestions") or ()],
        context=told.get("context") or {},
    )
    error._told_chain = tuple(str(text) for text in told.get("chain") or ())
    return error


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return str(value)
