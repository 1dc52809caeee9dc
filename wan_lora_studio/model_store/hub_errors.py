"""Hub errors: why the hub did not give what it was asked for, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from wan_lora_studio.errors import ModelLoadError

TOKEN = "Create a token on the hub, then run: hf auth login"
PASSING = (
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
MAY_PASS = ("network", "busy")


@dataclass(frozen=True)
class Refusal:
    """What is said of one kind of refusal; the names in braces are filled in."""

    reason: str
    message: str
    cause: str
    suggestions: tuple[str, ...]


# The special before the general: a gated repository's error is also that of one not found.
REFUSALS: Mapping[type[HfHubHTTPError], Refusal] = {
    GatedRepoError: Refusal(
        "gated",
        "{repo} is gated: its owner asks who downloads it.",
        "This computer's login has not been given access, or there is none.",
        ("Open {page} and accept its terms.", TOKEN),
    ),
    DisabledRepoError: Refusal(
        "disabled",
        "{repo} was disabled by the hub.",
        "The hub gives its files to nobody.",
        ("Choose another repository in the row of the model table.",),
    ),
    RevisionNotFoundError: Refusal(
        "revision",
        "{repo} has no revision {revision!r}.",
        "The row of the model table names one that is not there.",
        (
            "Correct the revision in config.json; null means the newest.",
            "See which there are: {page}/commits",
        ),
    ),
    RemoteEntryNotFoundError: Refusal(
        "file",
        "{repo} has no file {file}.",
        "It was renamed or removed there.",
        ("See which files there are: {page}/tree/{revision}",),
    ),
    RepositoryNotFoundError: Refusal(
        "repository",
        "The hub knows no {repo}, or shows it only to some.",
        "The name is wrong, or the repository is private and there is no login for it.",
        ("Open {page} in a browser and check the name.", TOKEN),
    ),
}


def may_pass(error: ModelLoadError) -> bool:
    """Whether the same question may be answered a little later."""
    return error.context.get("reason") in MAY_PASS


def offline(why: str) -> ModelLoadError:
    """The error where nothing is asked of the hub, because somebody said so."""
    return ModelLoadError(
        "The model hub is not asked for anything here.",
        cause=why,
        suggestions=["Take that setting back, or put the model's folder into models_dir yourself."],
        context={"reason": "offline"},
    )


def hub_failure(
    error: Exception, repo: str, revision: str | None, endpoint: str, path: str = ""
) -> ModelLoadError:
    """The failure in our words."""
    page = f"{endpoint}/{repo}"
    context = {"repo": repo, "revision": revision or "", "file": path, "page": page}
    if not isinstance(error, HfHubHTTPError):
        return _unreachable(error, endpoint, context)
    status = error.response.status_code
    context["hub_status"] = str(status)
    known = next((words for kind, words in REFUSALS.items() if isinstance(error, kind)), None)
    if known is None:
        return _by_status(status, page, repo, context)
    shown = {"repo": repo, "revision": revision or "main", "file": path, "page": page}
    return ModelLoadError(
        known.message.format(**shown),
        cause=known.cause,
        suggestions=[each.format(**shown) for each in known.suggestions],
        context={**context, "reason": known.reason},
    )


def cut_off(error: Exception, repo: str) -> ModelLoadError:
    """The error where the connection ended while bytes arrived."""
    return ModelLoadError(
        f"The connection to the hub was cut while {repo} arrived.",
        cause=f"{type(error).__name__}: {error}".rstrip(": "),
        suggestions=["Download it again; it goes on where it stopped."],
        context={"repo": repo, "reason": "network"},
    )


def _by_status(status: int, page: str, repo: str, context: dict[str, str]) -> ModelLoadError:
    if status in PASSING:
        busy = status == HTTPStatus.TOO_MANY_REQUESTS
        return ModelLoadError(
            "The hub answers too many requests at the moment."
            if busy
            else f"The hub cannot answer at the moment (status {status}).",
            cause="It limits how often it is asked." if busy else "The fault is on its side.",
            suggestions=["Try again in a few minutes; what is here already is kept."],
            context={**context, "reason": "busy"},
        )
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return ModelLoadError(
            f"The hub refuses {repo} to this login.",
            cause="The token is wrong or has ended, or it may not read this repository.",
            suggestions=[f"Open {page} and see whether you may read it.", TOKEN],
            context={**context, "reason": "login"},
        )
    return ModelLoadError(
        f"The hub refused {repo} with status {status}.",
        cause="It gave no reason that is known here.",
        suggestions=[f"Open {page} in a browser and see what it says."],
        context={**context, "reason": "status"},
    )


def _unreachable(error: Exception, endpoint: str, context: dict[str, str]) -> ModelLoadError:
    return ModelLoadError(
        f"The hub cannot be reached at {endpoint}.",
        cause=f"{type(error).__name__}: {error}".rstrip(": "),
        suggestions=[
            "Check this computer's network, and try again; what is here already is kept.",
            "Where the hub is blocked, set HF_ENDPOINT to a mirror.",
        ],
        context={**context, "reason": "network"},
    )
