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
from wan_lora_studio.texts import say

TOKEN = say("model_store.hub.log_in")
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
    """What is said of one kind of refusal."""

    reason: str
    message: str
    cause: str
    suggestions: tuple[str, ...]


def refusals(
    repo: str, revision: str, file: str, page: str
) -> Mapping[type[HfHubHTTPError], Refusal]:
    """Each kind of refusal. The special stand before the general: a gated repository's error is
    also that of one not found."""
    return {
        GatedRepoError: Refusal(
            "gated",
            say("model_store.hub.gated", repo=repo),
            say("model_store.hub.gated_cause"),
            (say("model_store.hub.accept_terms", page=page), TOKEN),
        ),
        DisabledRepoError: Refusal(
            "disabled",
            say("model_store.hub.disabled", repo=repo),
            say("model_store.hub.disabled_cause"),
            (say("model_store.choose_repository"),),
        ),
        RevisionNotFoundError: Refusal(
            "revision",
            say("model_store.hub.revision", repo=repo, revision=repr(revision)),
            say("model_store.hub.revision_cause"),
            (
                say("model_store.hub.correct_revision"),
                say("model_store.hub.see_revisions", address=f"{page}/commits"),
            ),
        ),
        RemoteEntryNotFoundError: Refusal(
            "file",
            say("model_store.no_file", repo=repo, file=file),
            say("model_store.no_file_cause"),
            (say("model_store.hub.see_files", address=f"{page}/tree/{revision}"),),
        ),
        RepositoryNotFoundError: Refusal(
            "repository",
            say("model_store.hub.repository", repo=repo),
            say("model_store.hub.repository_cause"),
            (say("model_store.hub.check_name", page=page), TOKEN),
        ),
    }


def may_pass(error: ModelLoadError) -> bool:
    """Whether the same question may be answered a little later."""
    return error.context.get("reason") in MAY_PASS


def offline(why: str) -> ModelLoadError:
    """The error where nothing is asked of the hub, because somebody said so."""
    return ModelLoadError(
        say("model_store.hub.off"),
        cause=why,
        suggestions=[say("model_store.hub.turn_on")],
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
    kinds = refusals(repo, revision or "main", path, page)
    known = next((words for kind, words in kinds.items() if isinstance(error, kind)), None)
    if known is None:
        return _by_status(status, page, repo, context)
    return ModelLoadError(
        known.message,
        cause=known.cause,
        suggestions=known.suggestions,
        context={**context, "reason": known.reason},
    )


def cut_off(error: Exception, repo: str) -> ModelLoadError:
    """The error where the connection ended while bytes arrived."""
    return ModelLoadError(
        say("model_store.hub.cut_off", repo=repo),
        cause=f"{type(error).__name__}: {error}".rstrip(": "),
        suggestions=[say("model_store.hub.go_on")],
        context={"repo": repo, "reason": "network"},
    )


def _by_status(status: int, page: str, repo: str, context: dict[str, str]) -> ModelLoadError:
    if status in PASSING:
        busy = status == HTTPStatus.TOO_MANY_REQUESTS
        return ModelLoadError(
            say("model_store.hub.busy") if busy else say("model_store.hub.down", status=status),
            cause=say("model_store.hub.busy_cause") if busy else say("model_store.hub.down_cause"),
            suggestions=[say("model_store.hub.later")],
            context={**context, "reason": "busy"},
        )
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return ModelLoadError(
            say("model_store.hub.login", repo=repo),
            cause=say("model_store.hub.login_cause"),
            suggestions=[say("model_store.hub.see_access", page=page), TOKEN],
            context={**context, "reason": "login"},
        )
    return ModelLoadError(
        say("model_store.hub.status", repo=repo, status=status),
        cause=say("model_store.hub.status_cause"),
        suggestions=[say("model_store.hub.open_page", page=page)],
        context={**context, "reason": "status"},
    )


def _unreachable(error: Exception, endpoint: str, context: dict[str, str]) -> ModelLoadError:
    return ModelLoadError(
        say("model_store.hub.unreachable", endpoint=endpoint),
        cause=f"{type(error).__name__}: {error}".rstrip(": "),
        suggestions=[
            say("model_store.hub.check_network"),
            say("model_store.hub.mirror"),
        ],
        context={**context, "reason": "network"},
    )
